"""Work in progress: folders under ``tmp/`` that belong to one process and go with it.

Each has a lock file that its process holds.  Whoever opens the store next removes the folders whose lock
is free: their process ended without doing so itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def remove_tree(path: str) -> None:
    """Remove a folder and everything in it, never following a symlink, whatever its modes.  Idempotent.

    Iterative: a hostile tree may be deeper than Python's stack.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        os.unlink(path)
        return
    parent = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    os.fchmod(parent, 0o700)
    _empty(parent)
    os.close(parent)
    os.rmdir(path)


def _empty(top: int) -> None:
    """Remove everything below the open folder `top`, with two folders open at most."""
    trail: list[tuple[str, list[str]]] = []
    current = os.dup(top)
    folders = _unlink_files(current)
    try:
        while folders or trail:
            if folders:
                name = folders.pop()
                deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
                os.fchmod(deeper, 0o700)
                trail.append((name, folders))
                folders = _unlink_files(deeper)
            else:
                deeper = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=current)
                name, folders = trail.pop()
                os.rmdir(name, dir_fd=deeper)
            os.close(current)
            current = deeper
    finally:
        os.close(current)


def _unlink_files(folder: int) -> list[str]:
    """Unlink all that is not a folder; the names of the folders that are left."""
    with os.scandir(folder) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in names if is_folder]
