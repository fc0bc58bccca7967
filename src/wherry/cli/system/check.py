"""``wherry system check``: whether everything in the store is as it should be, and mending what is not."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import FORMAT, LAYERS, Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.app.check import Verdict
    from wherry.store.finding import Finding

COMMAND = Command(
    "system check",
    "[OPTIONS]",
    (
        Flag("repair", "bool", "Mend what can be mended"),
        FORMAT._replace(help="Output; json is one object a line for each finding"),
    ),
    description="Exit code 0: nothing is wrong, or all of it was mended; 1: something is wrong, or left.",
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.check import check_store
    from wherry.store import Store

    repair, as_json, counts = options.flag("repair"), options.string("format") == "json", _Counts()
    for verdict in check_store(Store(options.runtime), repair=repair, waiting=_waiting):
        _one(verdict, counts, as_json=as_json)
    if not as_json:
        print(counts.summary(repair=repair))
    return 1 if counts.left else 0


def _waiting() -> None:
    print("waiting for other commands to end", file=sys.stderr)


class _Counts:
    def __init__(self) -> None:
        self.mended = 0
        self.left = 0

    def summary(self, *, repair: bool) -> str:
        if not self.mended + self.left:
            return "nothing is wrong"
        if repair:
            return f"{self.mended} mended, {self.left} left"
        return f"{self.left} wrong (wherry system check --repair mends what can be)"


def _one(verdict: Verdict, counts: _Counts, *, as_json: bool) -> None:
    finding, mended = verdict
    if mended:
        counts.mended += 1
    else:
        counts.left += 1
    if as_json:
        import json

        value = {
            **finding._asdict(),
            "mend": None,
            "repairable": finding.mend is not None,
            "mended": mended,
        }
        del value["mend"]
        print(json.dumps(value), flush=True)
        return
    print("".join(_line(finding, mended)), flush=True)


def _line(finding: Finding, mended: str) -> Iterator[str]:
    yield f"{finding.kind} {_shown(finding.name)}: {_shown(finding.problem)}"
    if mended:
        yield f"; mended: {_shown(mended)}"
    elif finding.remedy:
        yield f"; to do: {_shown(finding.remedy)}"


def _shown(text: str) -> str:
    """Text from outside, with control characters as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
