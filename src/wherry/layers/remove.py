"""Removing trees that anyone may have made."""

from __future__ import annotations

import contextlib
import os
import stat


def remove_tree(path: str) -> None:
    """Remove a folder and everything in it, never following a symlink, whatever its modes.  Idempotent.

    Two processes may remove one tree at once.  Raises OSError where others still write to it.
    Iterative: a hostile tree may be deeper than Python's stack.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(top, 0o700)
            _empty(top)
        finally:
            os.close(top)
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
                try:
                    deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=current)
                except FileNotFoundError:
                    continue
                os.fchmod(deeper, 0o700)
                trail.append((name, folders))
                folders = _unlink_files(deeper)
            else:
                deeper = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=current)
                name, folders = trail.pop()
                with contextlib.suppress(FileNotFoundError):
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
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in names if is_folder]
