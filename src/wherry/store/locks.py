"""Locks of files (flock(2)): each says that somebody still uses what the file stands for.

A lock belongs to the process that took it and to the supervisors that it forked meanwhile
(sandbox.supervise), which keep it until the last process of their container has ended: who is killed lets
go of its locks only when nothing that it started can write any more.  release() lets go for all of them.
"""

from __future__ import annotations

import errno
import fcntl
import os

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ALONE, TOGETHER = fcntl.LOCK_EX, fcntl.LOCK_SH
_held: set[int] = set()


def take(path: str, how: int = ALONE) -> int:
    """Lock a file, which is made where it is absent; wait while others have it.  Its descriptor."""
    while (lock := _lock(path, how)) is None:
        pass
    return lock


def create(path: str) -> int:
    """Lock a file of a name that nobody else has; what is written to its descriptor is in the file."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, ALONE)
        if os.fstat(file).st_nlink:
            _held.add(file)
            return file
        os.close(file)  # a sweep was quicker, and took it for what a killed process left


def attempt(path: str, how: int = ALONE) -> int | None:
    """Like take(), without waiting: None while others have it."""
    try:
        return _lock(path, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def attempt_existing(path: str, how: int = ALONE) -> int | None:
    """Lock a file or a folder that exists; nothing is made or written.  Raises FileNotFoundError."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if isinstance(error, BlockingIOError):
            return None
        raise
    _held.add(file)
    return file


def release(lock: int) -> None:
    """Let go of a lock, also where a supervisor keeps it."""
    _held.discard(lock)
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def held() -> Iterable[int]:
    """The descriptors of the locks that this process has."""
    return tuple(_held)


def _lock(path: str, how: int) -> int | None:
    """None where the file's name was taken away before we had the lock: it stands for nothing any more."""
    file, named = _open(path)
    try:
        fcntl.flock(file, how)
        if named and not os.fstat(file).st_nlink:
            os.close(file)
            return None
    except BaseException:
        os.close(file)
        raise
    _held.add(file)
    return file


def _open(path: str) -> tuple[int, bool]:
    """A descriptor, and whether it is that of the name."""
    flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600), True
    except IsADirectoryError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC), True  # a folder can be locked, too
    except OSError as error:
        if error.errno == errno.ELOOP:  # it would lock, and write to, a file of somebody else's
            os.unlink(path)
            return os.open(path, flags, 0o600), True
        if error.errno != errno.EROFS:
            raise
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), True
    except FileNotFoundError:
        # Nobody has it, and here nobody can take away what it is to keep: a file of our own stands for it.
        return os.memfd_create("lock", os.MFD_CLOEXEC), False
