"""The command line: one file per command, a table that imports none of them, output and progress."""

from wherry.quick import install

# Whoever imports wherry into a program of their own is spared it.
install()
