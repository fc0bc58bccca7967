"""``wherry version``."""

from __future__ import annotations

from wherry import __version__
from wherry.cli.core.flags import Command, Options

COMMAND = Command("version", "")


def run(_options: Options) -> int:
    print(f"wherry {__version__}")
    return 0
