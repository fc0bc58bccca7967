"""``wherry logs``."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.core.output import unescaped
from wherry.digits import whole
from wherry.errors import UsageError

COMMAND = Command(
    "logs",
    "[OPTIONS] CONTAINER",
    (
        Flag("follow", "bool", "Follow log output", short="f"),
        Flag(
            "tail", "string", "Number of lines to show from the end of the logs", short="n", default="all"
        ),
        Flag("timestamps", "bool", "Show timestamps", short="t"),
    ),
    min_args=1,
    max_args=1,
)


def run(options: Options) -> int:
    from wherry.app.containers import logs
    from wherry.store import Store

    follow, stamps = options.flag("follow"), options.flag("timestamps")
    tail = _tail(options.string("tail"))
    for line in logs(Store.open(options.runtime), options.args[0], tail=tail, follow=follow):
        out = unescaped(sys.stderr if line.stream == "stderr" else sys.stdout)
        out.write(f"{line.time} {line.text}" if stamps else line.text)
        if follow:
            sys.stdout.flush()
            sys.stderr.flush()
    return 0


def _tail(text: str | None) -> int | None:
    if text is None or text == "all":
        return None
    lines = whole(text.removeprefix("-"))
    if lines is None:
        raise UsageError(f"invalid value for --tail: {text}", hint="a number, or all")
    return None if text.startswith("-") else lines
