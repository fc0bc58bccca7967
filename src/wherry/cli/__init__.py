"""The command line: one file per command, a table that imports none of them, output and progress."""
