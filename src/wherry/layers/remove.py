"""Removing trees that anyone may have made."""

from __future__ import annotations

import os
import stat


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
