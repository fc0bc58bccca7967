"""What a process in a container begins with, whatever wherry itself was started with.

Left as the caller has them: how much of the machine the container gets (niceness, OOM score, processors,
control groups), and no_new_privs, which nothing takes back.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal makes an enum of each number
import functools
import os

from wherry import linux, umask
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.sandbox.process import Process

INFINITY = -1
# (soft, hard) of setrlimit(2), sizes in bytes.  As systemd starts services and the kernel starts init; no
# core files, which would become a part of images.
LIMITS = {
    "as": (INFINITY, INFINITY),
    "core": (0, INFINITY),
    "cpu": (INFINITY, INFINITY),
    "data": (INFINITY, INFINITY),
    "fsize": (INFINITY, INFINITY),
    "memlock": (8 << 20, 8 << 20),
    "msgqueue": (819200, 819200),
    "nice": (0, 0),
    "nofile": (1024, 524288),
    "nproc": (INFINITY, INFINITY),
    "rss": (INFINITY, INFINITY),
    "rtprio": (0, 0),
    "rttime": (INFINITY, INFINITY),
    "stack": (8 << 20, INFINITY),
}


def settle() -> None:
    """In the process that becomes the container's, or starts its runtime."""
    for number in range(1, _signal.NSIG):
        try:
            _signal.signal(number, _signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # SIGKILL, SIGSTOP, and those of the C library
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    os.umask(umask.FIXED)
    linux.set_personality(0)


def limits(process: Process) -> tuple[tuple[str, int, int], ...]:
    """(name, soft, hard) of every limit: what the process asks for, else the fixed ones, as far as the
    caller's hard limits can be raised."""
    requested = {name: (soft, hard) for name, soft, hard in process.ulimits}
    return tuple((name, *requested.get(name, _possible(name))) for name in {**LIMITS, **requested})


@functools.cache
def _possible(name: str) -> tuple[int, int]:
    """Raises our own hard limit, where that is allowed: that is how it is found out."""
    import resource

    soft, hard = LIMITS[name]
    number = getattr(resource, f"RLIMIT_{name.upper()}")
    now = resource.getrlimit(number)
    if _above(hard, now[1]):
        try:
            resource.setrlimit(number, (now[0], hard))
        except (ValueError, PermissionError):
            hard = now[1]
    return (hard if _above(soft, hard) else soft), hard


def _above(one: int, other: int) -> bool:
    return other != INFINITY and (one == INFINITY or one > other)
