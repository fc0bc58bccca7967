"""An explored image as a picture: its layers, and a map of what is in them.

treemap   PURE: boxes as large as their bytes
figure    PURE: the picture as shapes with places in pixels
svg, png  the shapes as files
"""
