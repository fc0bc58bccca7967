"""``wherry image inspect``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Options
from wherry.cli.registry.client import TLS
from wherry.cli.system.inspect import ELSEWHERE, FORMAT, PLATFORM, show

COMMAND = Command(
    "image inspect",
    "[OPTIONS] IMAGE [IMAGE...]",
    (FORMAT, PLATFORM, TLS),
    min_args=1,
    max_args=-1,
    description=ELSEWHERE,
)


def run(options: Options) -> int:
    return show(options, "image")
