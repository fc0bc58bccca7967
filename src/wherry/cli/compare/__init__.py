"""A comparison as people see it.

text      on a terminal, in 80 columns
figure    PURE: the sizes as a bar chart, for `picture`
html      PURE: a page that needs no other file
rows      PURE: what text and page say in the same words
"""
