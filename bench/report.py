"""PURE: from samples to the table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_HERE = "not here"
FAILED = "failed"
NO_CELL = "–"  # noqa: RUF001


class Cell(NamedTuple):
    """What one program took for one row: seconds of each round, or why there are none."""

    samples: tuple[float, ...] = ()
    problem: str = ""

    @property
    def seconds(self) -> float | None:
        """The median, or None where there is none to show: a row that failed once is not a figure."""
        return median(self.samples) if self.samples and not self.problem else None


class TableRow(NamedTuple):
    """A line of the table: its title and its cells by column."""

    title: str
    cells: Mapping[str, Cell]


def median(samples: Sequence[float]) -> float:
    """The middle sample, or the mean of the two middle ones.  Raises ValueError where there is none."""
    if not samples:
        raise ValueError("the median of no samples")
    ordered = sorted(samples)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def three_digits(seconds: float) -> str:
    """Three significant digits, never in powers of ten: 0.0652, 1.10, 12.3, 1230."""
    if seconds <= 0:
        return "0.00"
    rounded = float(f"{seconds:.2e}")
    decimals = 2 - math.floor(math.log10(rounded))
    return f"{rounded:.{max(decimals, 0)}f}"


def winners(cells: Mapping[str, Cell]) -> frozenset[str]:
    """The columns with the best figure as it is printed; none where nobody competes."""
    shown = {column: cell.seconds for column, cell in cells.items()}
    figures = {column: three_digits(seconds) for column, seconds in shown.items() if seconds is not None}
    if len(figures) < 2:
        return frozenset()
    best = min(figures.values(), key=float)
    return frozenset(column for column, figure in figures.items() if figure == best)


def table(corner: str, columns: Mapping[str, str], rows: Sequence[TableRow]) -> str:
    """A Markdown table.  `columns` gives each column's heading, in order."""
    lines = [_line([corner, *columns.values()]), "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        best = winners(row.cells)
        cells = [_cell(row.cells.get(column), bold=column in best) for column in columns]
        lines.append(_line([row.title, *cells]))
    return "\n".join(lines) + "\n"


def _cell(cell: Cell | None, *, bold: bool) -> str:
    if cell is None:
        return NO_CELL
    if cell.problem:
        return NOT_HERE if cell.problem == NOT_HERE else FAILED
    seconds = cell.seconds
    if seconds is None:
        return NO_CELL
    text = three_digits(seconds)
    return f"**{text}**" if bold else text


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
