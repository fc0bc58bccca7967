"""Work in progress: folders under ``tmp/`` that belong to one process and go with it.

Each has a lock file that its process holds.  Whoever opens the store next removes the folders whose lock
is free: their process ended without doing so itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from wherry.layers.remove import remove_tree
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def temporary_folder(parent: str) -> Iterator[str]:
    """A fresh empty folder in `parent`, removed at the end, swept later if the process is killed."""
    name = os.path.join(parent, f"{os.getpid()}-{os.urandom(6).hex()}")
    # The lock exists, held, before the folder does: a sweep never sees a folder of a living process free.
    lock = create_locked(name + ".lock")
    try:
        os.mkdir(name, 0o700)
        yield name
    finally:
        remove_tree(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name + ".lock")
        os.close(lock)


@contextlib.contextmanager
def scratch_folder(parent: str) -> Iterator[str]:
    """As temporary_folder(); where nothing can be written in `parent`, a folder of the system's."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder(parent))
        except OSError:
            import tempfile

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wherry-"))
        yield folder


def sweep(parent: str) -> None:
    """Remove what killed processes left.  Costs one listing when there is nothing."""
    for entry in os.listdir(parent):
        if entry.endswith((".lock", ".blob")):
            _sweep_one(os.path.join(parent, entry))


def _sweep_one(path: str) -> None:
    """Remove a file that no living process has locked, and the folder that it stands for."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(path.removesuffix(".lock"))
        os.unlink(path)
    except (BlockingIOError, FileNotFoundError):
        pass
    finally:
        os.close(lock)


def create_locked(path: str) -> int:
    """Create a file that a sweep leaves alone for as long as it stays open.  Its descriptor."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        # A sweep may have come between the creation and the lock, and taken the name away.
        if os.fstat(file).st_nlink:
            return file
        os.close(file)


@contextlib.contextmanager
def hold(path: str, wait: Callable[[bool], None]) -> Iterator[None]:
    """Hold a lock file alone.  While another thread or process does, `wait` is called again and again, with
    True the first time; it may raise.  The file is gone afterwards, or swept if we are killed."""
    first = True
    while (lock := _try_lock(path)) is None:
        wait(first)
        first = False
    try:
        yield
    finally:
        os.unlink(path)
        os.close(lock)


def is_held(path: str) -> bool:
    """Whether a living process has a file locked."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _try_lock(path: str) -> int | None:
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have taken the name away between the opening and the lock.
        if os.fstat(lock).st_nlink:
            return lock
    except BlockingIOError:
        pass
    os.close(lock)
    return None
