"""PURE: what wherry promises of its own speed, and whether it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.report import three_digits

if TYPE_CHECKING:
    from collections.abc import Callable


class Bound(NamedTuple):
    """wherry's figure in `row` is at most `factor` times another cell's, plus `seconds`.

    Without another cell `seconds` is all there is.
    """

    row: str
    other_row: str = ""
    other_column: str = ""
    factor: float = 1.0
    seconds: float = 0.0


BOUNDS = (
    Bound("unchanged", "unchanged", "buildkit"),
    Bound("run-step", "run-step", "buildkit"),
    Bound("parallel", seconds=2.3),
    Bound("copy-unchanged", "copy-unchanged", "buildkit"),
    Bound("copy-first", "copy-first", "docker"),
    Bound("copy-one-changed", "copy-one-changed", "docker"),
    Bound("explore-archive", "explore-archive", "dive"),
    Bound("explore-store", seconds=1.0),
    Bound("recorded", "unrecorded", "seconds", 1.0, 0.001),
    Bound("version", "bare-python", "seconds", 2.0, 0.010),
)


def bounds_table(
    figure: Callable[[str, str], float | None],
    title: Callable[[str], str],
    heading: Callable[[str], str],
    own_column: Callable[[str], str],
) -> str:
    """A Markdown table of the bounds whose two figures are there; empty where none is.

    `figure(row, column)` is a median in seconds; `own_column(row)` is where wherry's figure stands.
    """
    lines = []
    for bound in BOUNDS:
        got = figure(bound.row, own_column(bound.row))
        other = figure(bound.other_row, bound.other_column) if bound.other_row else 0.0
        if got is None or other is None:
            continue
        limit = bound.factor * other + bound.seconds
        holds = "yes" if got <= limit else "**no**"
        lines.append(
            f"| {title(bound.row)} | {three_digits(got)} | {_terms(bound, title, heading)}"
            f"{three_digits(limit)} | {holds} |"
        )
    if not lines:
        return ""
    return "\n".join(["| wherry promises | takes | at most | holds |", "|---|---|---|---|", *lines]) + "\n"


def _terms(bound: Bound, title: Callable[[str], str], heading: Callable[[str], str]) -> str:
    """What the limit is made of, with an equals sign; "" where it is a number."""
    if not bound.other_row:
        return ""
    name = heading(bound.other_column) if bound.other_row == bound.row else title(bound.other_row)
    factor = f"{bound.factor:g} × " if bound.factor != 1 else ""  # noqa: RUF001
    plus = f" + {bound.seconds * 1000:g} ms" if bound.seconds else ""
    return f"{factor}{name}{plus} = "
