"""PURE: the sizes as a bar chart."""

from __future__ import annotations

from wherry.cli.compare import rows
from wherry.cli.core.printable import printable, width
from wherry.cli.core.units import human_size
from wherry.compare.layers import KINDS
from wherry.picture.shapes import MARGIN, WIDTH, Box, Figure, Label, Palette, Place
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.compare.compare import Comparison
    from wherry.compare.layers import Split

TOP, ROW, BAR = 72, 66, 20
ROOM = 84
"""Pixels beside the longest bar, for its size."""
LEAST = 2
"""Pixels of a part that has bytes."""
LETTERS = 100
"""Columns of a line of text."""
PALETTE = Palette(
    {"base": "#8c959f", "shared": "#0969da", "own": "#bc4c00"},
    {"base": "#8b949e", "shared": "#58a6ff", "own": "#f0883e"},
)


def figure(found: Comparison) -> Figure:
    """A bar for each image: a box for each layer, in its place and its kind's colour."""
    boxes: list[Box] = []
    labels: list[Label] = []
    x = float(MARGIN)
    for kind in KINDS:
        boxes.append(Box(Place(x, 44, 12, 12), kind, kind))
        labels.append(Label(x + 18, 55, kind, "note"))
        x += 84
    title = "Sizes of images" if len(found.subjects) > 1 else "Size of an image"
    labels.append(Label(MARGIN, 30, title, "title"))
    if len(found.subjects) > 1:
        labels.append(Label(x, 55, rows.together(found), "note"))
    largest = max((subject.size for subject in found.subjects), default=0)
    y = float(TOP)
    for subject, split in zip(found.subjects, found.splits, strict=True):
        labels.append(Label(MARGIN, y + 14, shortened(subject.name), "name"))
        parts = list(_boxes(split, y + 20, largest))
        end = parts[-1].place.x + parts[-1].place.width if parts else MARGIN
        boxes += parts
        labels.append(Label(end + 8, y + 35, human_size(subject.size), "name"))
        labels.append(Label(MARGIN, y + 55, shortened(rows.parts(split)), "note"))
        y += ROW
    return Figure(WIDTH, int(y) + MARGIN // 2, title, PALETTE, tuple(boxes), tuple(labels))


def _boxes(split: Split, y: float, largest: int) -> Iterator[Box]:
    x = float(MARGIN)
    for kind in KINDS:
        for part in split.parts:
            if part.kind != kind or not part.layer.size:
                continue
            wide = max(LEAST, (WIDTH - 2 * MARGIN - ROOM) * part.layer.size / largest)
            said = printable(part.layer.created_by)
            title = f"{kind}, {human_size(part.layer.size)}{': ' if said else ''}{said}"
            yield Box(Place(x, y, wide, BAR), kind, shortened(title, 3 * LETTERS))
            x += wide


def shortened(text: str, most: int = LETTERS) -> str:
    """Printable, and at most so many columns: the beginning and the end, where an image's tag is."""
    text = printable(text)
    if width(text) <= most:
        return text
    half = most // 2 - 1
    begin, end = text[:half], text[-half:]
    while width(begin) > half:
        begin = begin[:-1]
    while width(end) > half:
        end = end[1:]
    return f"{begin}…{end}"
