"""Lines for people, of commands that run for long."""

from __future__ import annotations

import sys

from wherry.cli.core.printable import printable


def say(line: str) -> None:
    """To stderr, at once."""
    print(printable(line), file=sys.stderr, flush=True)
