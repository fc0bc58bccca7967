"""Commands of the proxy."""
