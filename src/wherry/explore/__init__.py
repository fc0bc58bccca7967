"""What is in an image, layer by layer, and what of it is carried for nothing.

model       PURE: the files of one layer
read        a layer's files from a tree, a tar, or the index that came with it
contents    where a file's bytes are
stack       PURE: layers on top of each other: what each adds, changes, removes and hides
same        PURE: files with the same content
made        PURE: which command made a layer, from which line, in what time
categories  PURE: kinds of files that few programs need at run time, and how to do without
explore     PURE: all of it as one value
limits      PURE: what an image may cost: rules, and which are broken
document    PURE: all of it as JSON
"""
