"""``wherry logs``."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.core.output import unescaped
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
    from wherry.containers.log import LogLine, read_log
    from wherry.containers.state import lookup
    from wherry.store import Store

    store = Store.open(options.runtime)
    record = lookup(store, options.args[0])
    stamps = options.flag("timestamps")

    def show(line: LogLine) -> None:
        out = unescaped(sys.stderr if line.stream == "stderr" else sys.stdout)
        out.write(f"{line.time} {line.text}" if stamps else line.text)

    skip = 0
    tail = options.string("tail")
    if tail not in (None, "all"):
        if not (tail and tail.isascii() and tail.isdigit()):
            raise UsageError(f"invalid value for --tail: {tail}", hint="a number, or all")
        skip = max(0, sum(1 for _ in read_log(store, record.id, follow=False)) - int(tail))
    for number, line in enumerate(read_log(store, record.id, follow=options.flag("follow"))):
        if number >= skip:
            show(line)
            if options.flag("follow"):
                sys.stdout.flush()
                sys.stderr.flush()
    return 0
