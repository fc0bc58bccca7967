"""``wherry volume inspect``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Options
from wherry.cli.system.inspect import FORMAT, show

COMMAND = Command(
    "volume inspect",
    "[OPTIONS] VOLUME [VOLUME...]",
    (FORMAT,),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    return show(options, "volume")
