"""PURE: medians and the table."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol


class Measured(Protocol):
    @property
    def title(self) -> str: ...

    @property
    def times(self) -> dict[str, list[float]]: ...


def table(rows: Sequence[Measured], columns: Sequence[str]) -> str:
    """Markdown: medians in seconds, the least of each row in bold, a dash where nothing was measured."""
    lines = ["| seconds (median) | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        medians = {name: statistics.median(times) for name, times in row.times.items() if times}
        best = min(medians.values())
        cells = [_cell(medians.get(name), best) for name in columns]
        lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(median: float | None, best: float) -> str:
    if median is None:
        return "-"
    shown = f"{median:.3f}" if median < 1 else f"{median:.2f}"
    return f"**{shown}**" if median == best else shown


def heading(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())
