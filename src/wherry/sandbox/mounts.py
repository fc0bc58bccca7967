"""A mount namespace of our own: what is mounted in it goes away with the process, however it ends."""

from __future__ import annotations

import os

_made: set[tuple[int, str]] = set()


def enter_private_mounts() -> None:
    """Move this thread into a private mount namespace, once.  Raises OSError where that is refused.

    A thread that it starts afterwards is in the same one; other threads of the process stay where they are
    (unshare(2): CLONE_NEWNS is the calling thread's, and gives it a current folder of its own).
    """
    if _here() in _made:
        return
    from wherry import linux

    linux.unshare(linux.CLONE_NEWNS)
    # Slave, not private: what the host mounts later (a USB disk under -v) still shows up.
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_SLAVE)
    _made.add(_here())


def _here() -> tuple[int, str]:
    """The process, and its thread's namespace: a fork makes another of its own."""
    return os.getpid(), os.readlink("/proc/thread-self/ns/mnt")
