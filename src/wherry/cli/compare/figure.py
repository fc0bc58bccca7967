"""PURE: the sizes as a bar chart: shapes with places in pixels, for whoever draws them."""

from __future__ import annotations

from wherry.cli.compare import rows
from wherry.cli.core.printable import printable, width
from wherry.cli.core.units import human_size
from wherry.compare.layers import KINDS
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.compare.compare import Comparison
    from wherry.compare.layers import Split

WIDTH, MARGIN, TOP = 960, 24, 72
ROW, BAR = 66, 20
ROOM = 84
"""Pixels beside the longest bar, for its size."""
LEAST = 2
"""Pixels of a part that has bytes."""
LETTERS = 100
"""Columns of a line of text."""


class Box(NamedTuple):
    """A filled rectangle; `kind` is one of layers.KINDS, `title` what a pointer over it is told."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str = ""


class Label(NamedTuple):
    """A line of text on its baseline; `style` is "title", "name", "size" or "note"."""

    x: float
    y: float
    text: str
    style: str


class Figure(NamedTuple):
    width: int
    height: int
    title: str
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]


def figure(found: Comparison) -> Figure:
    """A bar for each image: a box for each layer, in its place and its kind's colour."""
    boxes: list[Box] = []
    labels: list[Label] = []
    x = float(MARGIN)
    for kind in KINDS:
        boxes.append(Box(x, 44, 12, 12, kind, kind))
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
        end = parts[-1].x + parts[-1].width if parts else MARGIN
        boxes += parts
        labels.append(Label(end + 8, y + 35, human_size(subject.size), "size"))
        labels.append(Label(MARGIN, y + 55, shortened(rows.parts(split)), "note"))
        y += ROW
    return Figure(WIDTH, int(y) + MARGIN // 2, title, tuple(boxes), tuple(labels))


def _boxes(split: Split, y: float, largest: int) -> Iterator[Box]:
    x = float(MARGIN)
    for kind in KINDS:
        for part in split.parts:
            if part.kind != kind or not part.layer.size:
                continue
            wide = max(LEAST, (WIDTH - 2 * MARGIN - ROOM) * part.layer.size / largest)
            said = printable(part.layer.created_by)
            title = f"{kind}, {human_size(part.layer.size)}{': ' if said else ''}{said}"
            yield Box(round(x, 1), y, round(wide, 1), BAR, kind, shortened(title, 3 * LETTERS))
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
