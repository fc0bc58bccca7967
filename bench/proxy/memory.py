"""What processes hold of the machine's memory."""

from __future__ import annotations

import re

from bench.programs import CommandFailed

MIB = 1024.0


def pss(*pids: int) -> float:
    """MiB of all of them together, shared pages counted once (smaps_rollup in proc(5))."""
    return sum(_field(f"/proc/{pid}/smaps_rollup", "Pss") for pid in pids)


def rss(pid: int) -> float:
    """MiB, shared pages counted in full."""
    return _field(f"/proc/{pid}/status", "VmRSS")


def most(pid: int) -> float:
    """MiB: the largest resident size so far."""
    return _field(f"/proc/{pid}/status", "VmHWM")


def _field(path: str, name: str) -> float:
    try:
        with open(path, encoding="ascii") as file:
            found = re.search(rf"^{name}:\s+(\d+) kB$", file.read(), re.MULTILINE)
    except OSError as error:
        raise CommandFailed(str(error)) from None
    if found is None:
        raise CommandFailed(f"{path} has no {name}")
    return int(found[1]) / MIB
