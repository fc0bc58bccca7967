"""An explored image as one page that needs nothing else.

`write` puts page.css, page.js and the data into page.html.

data     PURE: the files in few bytes, as page.js reads them
write    the page
"""
