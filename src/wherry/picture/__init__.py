"""Pictures of figures: what `explore` and `compare` draw.

shapes    PURE: boxes and lines of text with places in pixels
treemap   PURE: boxes as large as their bytes
svg, png  the shapes as files
"""
