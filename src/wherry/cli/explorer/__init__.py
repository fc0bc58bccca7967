"""The terminal explorer: ``wherry explore --interactive``.

folders   PURE: changes as a tree, filtered by words
preview   PURE: the beginning of a file, and a Dockerfile at a line, as lines
app       the screen; imports textual, which is optional
"""
