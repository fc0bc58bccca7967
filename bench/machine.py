"""What the figures belong to.  No name of a machine, a user or a path."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from pathlib import Path

from bench.programs import CommandFailed, output

CHECKOUT = Path(__file__).parent.parent


def describe() -> dict[str, str]:
    """Date, kernel, cores, memory, load at the start, and the versions of what all peers share."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "kernel": platform.release(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / (1 << 30):.0f} GiB",
        "load at the start": f"{os.getloadavg()[0]:.2f}",
        "Python": sys.version.split()[0],
        "runc": first_line("runc", "--version"),
        "crun": first_line("crun", "--version"),
    }


def first_line(*argv: str) -> str:
    """The last word of the first line of what a program says of its version; "not here" without it."""
    try:
        return output(*argv).splitlines()[0].split()[-1]
    except (CommandFailed, IndexError):
        return "not here"


def commit() -> str:
    """The commit of the checkout, "-dirty" where src differs from it; "" where there is no git."""
    git = ("git", "-c", f"safe.directory={CHECKOUT}")
    try:
        short = output(*git, "rev-parse", "--short", "HEAD", cwd=CHECKOUT)
        changed = output(*git, "status", "--porcelain", "--", "src", cwd=CHECKOUT)
    except CommandFailed:
        return ""
    return short + ("-dirty" if changed else "")
