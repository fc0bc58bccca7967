"""Whiteouts and opaque folders in a tree, as overlayfs reads them.

A whiteout is a character device 0:0.  Where making one is refused (some containers drop CAP_MKNOD), it is
an empty file with ``user.overlay.whiteout`` (Linux 6.7; our own readers know it everywhere).  Overlays are
always mounted with `userxattr`, for root too, so that trees have one form whoever made them.
Source: Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories".
"""

from __future__ import annotations

import os
import stat

from wherry.layers.entry import XATTR_OPAQUE, XATTR_WHITEOUT


def make_whiteout(path: str) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))
    except PermissionError:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.setxattr(path, XATTR_WHITEOUT, b"y")
        parent = os.path.dirname(path)
        if not is_opaque(parent):
            # "x" tells overlayfs to look for whiteouts of this kind in the folder.
            os.setxattr(parent, XATTR_OPAQUE, b"x")


def make_opaque(folder: str) -> None:
    os.setxattr(folder, XATTR_OPAQUE, b"y")


def is_whiteout(path: str | bytes, status: os.stat_result) -> bool:
    if stat.S_ISCHR(status.st_mode):
        return status.st_rdev == 0
    if status.st_size == 0 and stat.S_ISREG(status.st_mode):
        return _xattr(path, XATTR_WHITEOUT) is not None
    return False


def is_opaque(folder: str | bytes) -> bool:
    return _xattr(folder, XATTR_OPAQUE) == b"y"


def _xattr(path: str | bytes, name: str) -> bytes | None:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return None
