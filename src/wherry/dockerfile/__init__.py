"""PURE: the Dockerfile language, from text to typed instructions.  No I/O of any kind."""
