"""``wherry system check``: whether everything in the store is as it should be, and mending what is not."""

from __future__ import annotations

import os
import sys

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from wherry.store import Store
    from wherry.store.finding import Finding

COMMAND = Command(
    "system check",
    "[OPTIONS]",
    (
        Flag("repair", "bool", "Mend what can be mended"),
        Flag("json", "bool", "One JSON object a line for each finding"),
    ),
    description="Exit code 0: nothing is wrong, or all of it was mended; 1: something is wrong, or left.",
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.store import Store
    from wherry.store.check import check
    from wherry.store.temporary import scratch_folder

    store = Store(options.runtime)
    if not os.path.isdir(store.root):
        raise NotFoundError(f"there is no store in {store.root}", hint="the first build or load makes it")
    repair = options.flag("repair")
    counts = _Counts()
    with _held(store, repair=repair), scratch_folder(store.temporary) as scratch:
        for finding in check(store, scratch, beside=not repair):
            _one(finding, counts, repair=repair, as_json=options.flag("json"))
    if not options.flag("json"):
        print(counts.summary(repair=repair))
    return 1 if counts.left else 0


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


def _held(store: Store, *, repair: bool) -> AbstractContextManager[None]:
    """--repair has the store alone; a check goes beside others, also where nothing can be written."""
    import contextlib

    if repair:
        return store.alone(lambda: print("waiting for other commands to end", file=sys.stderr))
    try:
        stack = contextlib.ExitStack()
        stack.enter_context(store.using())
    except OSError:
        return contextlib.nullcontext()
    return stack  # type: ignore[return-value]


def _one(finding: Finding, counts: _Counts, *, repair: bool, as_json: bool) -> None:
    mended = finding.mend() if repair and finding.mend is not None else ""
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
