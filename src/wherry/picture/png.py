"""A picture as PNG, twice as fine as its pixels, in the font that comes with Pillow."""

from __future__ import annotations

import io

from wherry.errors import UsageError
from wherry.picture.svg import INK, PALE, PAPER
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

    from wherry.picture.shapes import Box, Figure, Label

SCALE = 2
SIZES = {"title": 18, "name": 12, "note": 12}
BOLD = {"title": 0.5, "name": 0.3}
"""Pixels by which letters are drawn thicker: the font has one weight."""
STRIPE = 9


def png(figure: Figure) -> bytes:
    """The same figure gives the same bytes with the same Pillow.  Raises UsageError where there is none."""
    try:
        from PIL import Image, ImageDraw
    except ModuleNotFoundError as error:
        if error.name != "PIL":
            raise
        raise UsageError(
            "a PNG needs the Python package pillow",
            hint="pip install 'wherry[pictures]', or --svg FILE writes a picture",
        ) from None

    picture = Image.new("RGB", (figure.width * SCALE, figure.height * SCALE), PAPER)
    draw = ImageDraw.Draw(picture)
    for box in figure.boxes:
        corners = _corners(box)
        if corners is None:
            continue
        draw.rectangle(corners, fill=figure.palette.light[box.colour], outline="#c4c9d1")
        if box.is_striped:
            _stripes(draw, corners)
    for label in figure.labels:
        _write(draw, label)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def _corners(box: Box) -> tuple[int, int, int, int] | None:
    x, y, width, height = (round(number * SCALE) for number in box.place)
    return (x, y, x + width - 1, y + height - 1) if width > 0 and height > 0 else None


def _stripes(draw: ImageDraw, corners: tuple[int, int, int, int]) -> None:
    """Lines from the lower left to the upper right, cut off at the box."""
    left, top, right, bottom = corners
    for start in range(left + top, right + bottom, STRIPE * SCALE):
        # Along a line x + y is the same.
        first, last = max(left, start - bottom), min(right, start - top)
        if first < last:
            draw.line((first, start - first, last, start - last), fill="#8a93a1", width=SCALE)


def _write(draw: ImageDraw, label: Label) -> None:
    from PIL import ImageFont

    draw.text(
        (label.x * SCALE, label.y * SCALE),
        label.text,
        font=ImageFont.load_default(SIZES[label.style] * SCALE),
        fill=PALE if label.style == "note" else INK,
        anchor="ls",
        stroke_width=BOLD.get(label.style, 0) * SCALE,
        stroke_fill=INK,
    )
