"""``wherry container inspect``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.system.inspect import FORMAT, show

COMMAND = Command(
    "container inspect",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    (FORMAT, Flag("size", "bool", "Display total file sizes", short="s")),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    return show(options, "container")
