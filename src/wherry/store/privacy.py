"""A store is its owner's alone: others cannot enter its folder, whoever made it and with what umask.

What a container's other users need of it is mounted for them, which takes no right to get there by a path.
"""

from __future__ import annotations

import contextlib
import os
import stat

# Folders whose files wherry reads and writes itself; the modes below the others are those of images.
OWN = ("contexts", "logs", "builds", "listings")


def make_private(root: str) -> None:
    """Take every right from others.  The store's folder comes last: after a kill this begins again."""
    for folder in (*(os.path.join(root, name) for name in OWN), root):
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                _close(entry.path)
    _close(root)


def _close(path: str) -> None:
    """0700 or 0600.  A volume that somebody else owns and lets us use stays as it is."""
    with contextlib.suppress(FileNotFoundError, PermissionError):
        mode = os.lstat(path).st_mode
        bits = 0o700 if stat.S_ISDIR(mode) else 0o600
        if stat.S_IMODE(mode) != bits and (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            os.chmod(path, bits)
