"""PURE: metrics in Prometheus' text format, version 0.0.4.

Written by hand: `prometheus_client` does it too, and brings 8 MB of an HTTP server and of TLS into the
container of nginx, and a tenth of a second into its start.
"""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]
"""Names and values."""


class Sample(NamedTuple):
    """One line; `suffix` is what a histogram's lines have behind its name."""

    value: float
    labels: Labels = ()
    suffix: str = ""


class Family(NamedTuple):
    """A metric: `kind` is gauge, counter or histogram; the name of a counter ends in _total."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


class Histogram:
    """Counts of observed values up to each of `buckets`, which grow."""

    def __init__(self, buckets: Sequence[float]) -> None:
        self._bounds = (*buckets, float("inf"))
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._sum += value
        for index, bound in enumerate(self._bounds):
            self._counts[index] += value <= bound

    def samples(self, labels: Labels) -> Iterator[Sample]:
        for bound, count in zip(self._bounds, self._counts, strict=True):
            yield Sample(count, (*labels, ("le", _number(bound))), "_bucket")
        yield Sample(self._counts[-1], labels, "_count")
        yield Sample(self._sum, labels, "_sum")


def text(families: Iterable[Family]) -> bytes:
    return "".join(line + "\n" for family in families for line in _lines(family)).encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.kind}"
    for sample in family.samples:
        pairs = ",".join(f'{name}="{_escaped(value, quoted=True)}"' for name, value in sample.labels)
        braces = f"{{{pairs}}}" if pairs else ""
        yield f"{family.name}{sample.suffix}{braces} {_number(sample.value)}"


def _escaped(text: str, *, quoted: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quoted else escaped


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else repr(float(value))
