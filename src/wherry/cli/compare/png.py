"""A bar chart as PNG, twice as fine as its pixels, in a font that comes with Pillow."""

from __future__ import annotations

import io

from wherry.cli.compare.svg import COLOURS, INK, PALE, PAPER
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.cli.compare.figure import Figure, Label

SCALE = 2
SIZES = {"title": 18, "name": 13, "size": 13, "note": 13}
BOLD = {"title": 0.5, "name": 0.3, "size": 0.3}
"""Pixels by which letters are drawn thicker: the font has one weight."""


def png(figure: Figure) -> bytes:
    """The same figure gives the same bytes with the same Pillow."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (figure.width * SCALE, figure.height * SCALE), PAPER)
    draw = ImageDraw.Draw(picture)
    for box in figure.boxes:
        left, top = round(box.x * SCALE), round(box.y * SCALE)
        right = max(left, round((box.x + box.width) * SCALE) - 2)
        draw.rectangle((left, top, right, round((box.y + box.height) * SCALE) - 1), fill=COLOURS[box.kind])
    for label in figure.labels:
        _write(draw, label)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def _write(draw: object, label: Label) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(SIZES[label.style] * SCALE)
    draw.text(  # type: ignore[attr-defined]
        (label.x * SCALE, label.y * SCALE),
        label.text,
        font=font,
        fill=PALE if label.style == "note" else INK,
        anchor="ls",
        stroke_width=BOLD.get(label.style, 0) * SCALE,
        stroke_fill=INK,
    )
