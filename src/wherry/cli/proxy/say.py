"""Lines for people, of commands that run for long."""

from __future__ import annotations

import contextlib
import sys

from wherry.cli.core.printable import printable


def say(line: str) -> None:
    """To stderr, at once.  What nobody reads any more, or finds no room, is lost: they go on."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(printable(line), file=sys.stderr, flush=True)
