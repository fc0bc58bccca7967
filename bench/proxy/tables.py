"""PURE: percentiles, promises, and the proxy's part of the page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.report import three_digits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MOST_SAMPLES = 1_000
PERCENTILES = (1, 10, 25, 50, 75, 90, 99, 99.9, 100)


class Promise(NamedTuple):
    """What wherry promises: `got` is at most `limit`, or with `least` at least that."""

    what: str
    got: float
    limit: float
    unit: str
    least: bool = False

    @property
    def holds(self) -> bool:
        return self.got >= self.limit if self.least else self.got <= self.limit


class Section(NamedTuple):
    """One subject of the page.  `lines`: table rows, the first its headings; `data`: the samples."""

    title: str
    note: str
    lines: tuple[tuple[str, ...], ...]
    promises: tuple[Promise, ...] = ()
    data: Mapping[str, Any] = {}

    def as_json(self) -> dict[str, Any]:
        promises = [{**p._asdict(), "holds": p.holds} for p in self.promises]
        samples = {name: _summary(value) for name, value in self.data.items()}
        return {"title": self.title, "table": self.lines, "promises": promises, "samples": samples}


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of a hundred do not exceed (nearest rank).

    Raises ValueError where there is none.
    """
    if not samples:
        raise ValueError("a percentile of no samples")
    ordered = sorted(samples)
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def _summary(value: Any) -> Any:
    """Samples as they are, or where there are very many (requests of a load) some percentiles of them."""
    if isinstance(value, dict):
        return {name: _summary(inner) for name, inner in value.items()}
    if isinstance(value, list) and len(value) > MOST_SAMPLES and all(isinstance(x, float) for x in value):
        return {"count": len(value)} | {f"p{n}": percentile(value, n) for n in PERCENTILES}
    return value


def milliseconds(seconds: float) -> str:
    return three_digits(seconds * 1000)


def spread(seconds: Sequence[float]) -> tuple[str, str, str, str]:
    """How many, and in ms p50, p99 and the longest."""
    return (
        str(len(seconds)),
        milliseconds(percentile(seconds, 50)),
        milliseconds(percentile(seconds, 99)),
        milliseconds(max(seconds)),
    )


def markdown(sections: Sequence[Section]) -> str:
    """The sections and, after them, what is promised in any of them; "" where there is none."""
    parts = []
    for section in sections:
        parts.append(f"## {section.title}\n\n{section.note}\n")
        if section.lines:
            parts.append(_table(section.lines))
    promises = [promise for section in sections for promise in section.promises]
    if promises:
        head = ("wherry's proxy promises", "measured", "promised", "holds")
        parts += ["## Promises of the proxy\n", _table([head, *map(_promised, promises)])]
    return "\n".join(parts)


def _promised(promise: Promise) -> tuple[str, ...]:
    word = "at least" if promise.least else "at most"
    return (
        promise.what,
        _figure(promise.got, promise.unit),
        f"{word} {promise.limit:g}{_unit(promise.unit)}",
        "yes" if promise.holds else "**no**",
    )


def _figure(value: float, unit: str) -> str:
    return f"{value:g}" if unit == "" else three_digits(value) + _unit(unit)


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *rows = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rows]) + "\n"
