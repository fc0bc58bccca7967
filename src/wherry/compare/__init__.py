"""Images side by side: what they share, and how one differs from another.

model      PURE: an image as it is compared
read       an image's files, packages, users and libraries, from its layers
libc       the C libraries and loaders of an image, and what its program needs of them
layers     PURE: sizes split into base, shared and own layers
files      PURE: which files differ, and how
packages   PURE: packages with their versions side by side
settings   PURE: configuration, environment and users
compare    PURE: all of it as one value
document   PURE: all of it as JSON
"""
