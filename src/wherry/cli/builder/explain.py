"""``wherry explain``: why did this step run again?"""

from __future__ import annotations

import json
import sys

from wherry.cli.core.flags import FORMAT, Command, Flag, Options
from wherry.cli.core.output import unescaped
from wherry.cli.core.printable import printable
from wherry.counted import counted
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.builder.explain import Explained
    from wherry.store.buildrecord import BuildRecord

COMMAND = Command(
    "explain",
    "[OPTIONS] [BUILD]",
    (
        Flag("list", "bool", "List the builds that are remembered", short="l"),
        FORMAT,
    ),
    max_args=1,
)
WORDS = {"hit": "cached", "ran": "RAN", "failed": "FAILED", "stopped": "STOPPED", "base": ""}


def run(options: Options) -> int:
    from wherry.app.builds import builds, explain, find_build
    from wherry.store import Store

    store = Store.open(options.runtime)
    if options.flag("list"):
        _list(builds(store), as_json=options.string("format") == "json")
        return 0
    build = find_build(store, *options.args)
    found = explain(store, build)
    if options.string("format") == "json":
        print(json.dumps(_as_json(build, found), indent=2))
    else:
        _print(build, found)
    return 0


def _list(builds: Sequence[BuildRecord], *, as_json: bool) -> None:
    from wherry.cli.core.table import columns

    if as_json:
        print(json.dumps([_summary(build) for build in builds], indent=2))
        return
    rows = [
        (
            build.id,
            _ago(build),
            ", ".join(build.names) or build.target or "-",
            build.outcome,
            f"{len(_steps(build)) - _missed(build)}/{len(_steps(build))}",
            f"{build.seconds:.1f}s",
        )
        for build in builds
    ]
    print(columns([("BUILD", "BEGAN", "NAME", "OUTCOME", "CACHED", "TOOK"), *rows]))


def _ago(build: BuildRecord) -> str:
    import time

    from wherry.cli.core.units import ago

    return ago(build.began, time.time())


def _steps(build: BuildRecord) -> list[Any]:
    return [step for step in build.steps if step.outcome != "base"]


def _missed(build: BuildRecord) -> int:
    return sum(step.missed for step in build.steps)


def _print(build: BuildRecord, found: Sequence[Explained]) -> None:
    from wherry.cli.builder.progress import coloured
    from wherry.cli.core.units import human_size

    total = len(_steps(build))
    name = f" of {', '.join(build.names)}" if build.names else ""
    print(
        f"build {build.id}{name}, {_ago(build)}: {build.outcome} in {build.seconds:.1f} s, "
        f"{total - _missed(build)} of {counted(total, 'step')} from the cache"
    )
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and coloured() else ("", "")
    for step, reasons in found:
        word = WORDS[step.outcome]
        size = human_size(step.size) if step.layer else ""
        seconds = f"{step.seconds:.2f}s" if step.outcome != "base" else ""
        mark, end = (bold, plain) if step.missed else ("", "")
        line = f"{word:<8}{seconds:>9}{size:>9}  [{step.label}] {_line(step.source)}"
        print(f"{mark}{printable(line)}{end}", file=unescaped(sys.stdout))
        if step.origin:
            print(f"{'':28}from the cache {printable(step.origin)}")
        for reason in reasons:
            print(f"{'':28}{printable(reason.text)}")


def _line(source: str) -> str:
    text = " ".join(source.split())
    return text if len(text) <= 90 else text[:87] + "..."


def _summary(build: BuildRecord) -> dict[str, Any]:
    value = build._asdict()
    del value["steps"]
    return {**value, "steps": len(_steps(build)), "cached": len(_steps(build)) - _missed(build)}


def _as_json(build: BuildRecord, found: Sequence[Explained]) -> dict[str, Any]:
    return {
        **_summary(build),
        "steps": [
            {
                "step": step.label,
                "instruction": step.source,
                "outcome": step.outcome,
                "seconds": step.seconds,
                "layer": step.layer,
                "size": step.size,
                "reasons": [
                    {
                        "kind": reason.kind,
                        "text": reason.text,
                        "files": [change._asdict() for change in reason.files],
                    }
                    for reason in reasons
                ],
            }
            for step, reasons in found
        ],
    }
