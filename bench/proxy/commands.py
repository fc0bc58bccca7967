"""wherry's proxy commands in the background, as they are installed."""

from __future__ import annotations

import contextlib
import json
import re
import time
from typing import TYPE_CHECKING, Any

from bench.programs import CommandFailed, Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.programs import Command


@contextlib.contextmanager
def running(command: Command, log: Path) -> Iterator[Daemon]:
    """Run it until the block ends."""
    daemon = Daemon(command.argv, command.env, log)
    try:
        yield daemon
    finally:
        daemon.stop()


def outcome(state: Path) -> dict[str, Any]:
    """What `proxy serve` last said in its status.json; {} before the first."""
    try:
        found = json.loads((state / "status.json").read_bytes())
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def wait(until: Callable[[], bool], what: str, seconds: float = 30.0, pause: float = 0.002) -> None:
    """Look until it is so.  Raises CommandFailed after `seconds`."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise CommandFailed(f"{what}: not within {seconds:.0f} s")
        time.sleep(pause)


def version(said: str) -> str:
    """Of what ``nginx -V`` says."""
    found = re.search(r"nginx/([0-9.]+)", said)
    return found[1] if found else "?"
