"""PURE: boxes as large as their bytes, each as square as it gets.

Source: Bruls, Huizing, van Wijk: Squarified Treemaps (2000).
"""

from __future__ import annotations

from wherry.picture.shapes import Place
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def treemap(sizes: Sequence[float], area: Place) -> list[Place]:
    """A place for each size, the largest of which come first; together they fill the area.

    Sizes are positive.
    """
    found: list[Place] = []
    x, y, width, height = area
    left = float(sum(sizes))
    while len(found) < len(sizes):
        side, scale = min(width, height), width * height / left if left else 0
        if side <= 0 or scale <= 0:
            found += [Place(x, y, 0, 0)] * (len(sizes) - len(found))
            break
        row = _row(sizes[len(found) :], side, scale)
        depth = sum(row) * scale / side
        found += _places(row, Place(x, y, width, height), depth, scale)
        if width >= height:
            x, width = x + depth, width - depth
        else:
            y, height = y + depth, height - depth
        left -= sum(row)
    return found


def _row(sizes: Sequence[float], side: float, scale: float) -> list[float]:
    """As many as make the worst box of a row along the shorter side no longer than it was."""
    row: list[float] = []
    worst = float("inf")
    for size in sizes:
        depth = (sum(row) + size) * scale / side
        longest, shortest = (row or [size])[0] * scale / depth, size * scale / depth
        ratio = max(depth / shortest, longest / depth)
        if ratio > worst:
            break
        worst = ratio
        row.append(size)
    return row


def _places(row: Sequence[float], area: Place, depth: float, scale: float) -> Iterator[Place]:
    at = 0.0
    for size in row:
        part = size * scale / depth
        if area.width >= area.height:
            yield Place(area.x, area.y + at, depth, part)
        else:
            yield Place(area.x + at, area.y, part, depth)
        at += part
