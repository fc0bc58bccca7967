"""Side-by-side measurements against the tools people use.  `python -m bench`; never part of the tests."""
