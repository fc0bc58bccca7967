"""PURE: the values of the OCI image specification.  No I/O of any kind."""
