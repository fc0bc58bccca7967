"""Room that is kept on the disk, so that things can be removed although the disk is full.

A removal writes before it frees anything: the record that something is gone, and SQLite's log of that.
"""

from __future__ import annotations

import contextlib
import os

from wherry.store import locks
from wherry.store.temporary import put_in_place
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 1 << 19  # bytes
NAME = "reserve"


@contextlib.contextmanager
def given_up_if_full(root: str, temporary: str) -> Iterator[None]:
    """Give the room up where the disk has less than that; take what there is of it afterwards."""
    path = os.path.join(root, NAME)
    if _room(root) < SIZE:
        with contextlib.suppress(OSError):
            os.unlink(path)
    try:
        yield
    finally:
        if not os.path.isfile(path):
            _keep(path, temporary, min(SIZE, _room(root)))


def _keep(path: str, temporary: str, size: int) -> None:
    """Reserve the room.  A disk without it reserves nothing, and nothing is raised."""
    name = os.path.join(temporary, f"{os.getpid()}-{NAME}.new")
    with contextlib.suppress(OSError):
        lock = locks.take(name)
        try:
            os.posix_fallocate(lock, 0, size)
            put_in_place(name, path, temporary)
        except OSError:
            os.unlink(name)
        finally:
            locks.release(lock)


def _room(root: str) -> int:
    status = os.statvfs(root)
    return status.f_bavail * status.f_frsize
