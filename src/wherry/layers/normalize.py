"""One form for what a step changed, whichever way it was found.

overlayfs keeps files that were opened for writing and not changed, and marks a folder that was deleted and
made again as opaque; a comparison of copies finds neither.  What the files are in the end is the same, and
here the layer becomes the same too: without what is as it was, with a whiteout for each name that is gone.
"""

from __future__ import annotations

import os
import stat

from wherry.layers.entry import XATTR_OPAQUE
from wherry.layers.tree import xattrs_of
from wherry.layers.whiteout import is_opaque, is_whiteout, make_whiteout
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.layers.view import Node, View

CHUNK = 1 << 20
SECOND = 1_000_000_000


class _Folder(NamedTuple):
    """A folder as it was found.  `old` is the one that lies below it, if one does; with `hides` nothing of
    that is to be seen.
    """

    path: str
    status: os.stat_result
    old: Node | None
    hides: bool


def normalize(tree: str, below: View) -> None:
    """Bring a tree in overlay form that lies over `below` into its one form.

    Times count in whole seconds, which is what a layer's tar holds; those of the folders stay.
    """
    found = [_Folder(tree, os.stat(tree), below.root(), hides=False)]
    for folder in found:  # which grows meanwhile: a hostile tree may be deeper than Python's stack
        found += _tidy(folder, below)
    for folder in reversed(found):
        if folder.path != tree and _is_as_below(folder):
            os.rmdir(folder.path)
        elif os.stat(folder.path).st_mtime_ns != folder.status.st_mtime_ns:
            os.utime(folder.path, ns=(folder.status.st_mtime_ns, folder.status.st_mtime_ns))


def _tidy(folder: _Folder, below: View) -> list[_Folder]:
    """Do everything in one folder but for the folders in it, which are returned."""
    path, old = folder.path, folder.old
    hides = folder.hides
    names = sorted(os.listdir(path))
    if is_opaque(path):
        os.removexattr(path, XATTR_OPAQUE)
        hides = True
    if hides and old is not None:
        for name in set(below.list(old)) - set(names):
            make_whiteout(f"{path}/{name}")
    inner = []
    for name in names:
        own = f"{path}/{name}"
        status = os.lstat(own)
        lower = below.child(old, name) if old is not None else None
        if stat.S_ISDIR(status.st_mode):
            over = lower if lower is not None and lower.is_folder else None
            inner.append(_Folder(own, status, over, hides))
        elif is_whiteout(own, status):
            if lower is None:
                os.unlink(own)
        elif lower is not None and status.st_nlink == 1 and _same(own, status, lower):
            # A file that was linked in this step stays: that is a new fact about all of its names.
            os.unlink(own)
    return inner


def _is_as_below(folder: _Folder) -> bool:
    if folder.old is None or os.listdir(folder.path):
        return False
    return _same_metadata(folder.path, folder.status, folder.old)


def _same_metadata(path: str, status: os.stat_result, old: Node) -> bool:
    def known(of: os.stat_result) -> tuple[int, ...]:
        return of.st_mode, of.st_uid, of.st_gid, of.st_rdev, of.st_mtime_ns // SECOND

    return known(status) == known(old.status) and xattrs_of(path) == xattrs_of(old.path)


def _same(path: str, status: os.stat_result, old: Node) -> bool:
    if not _same_metadata(path, status, old):
        return False
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path) == os.readlink(old.path)
    if stat.S_ISREG(status.st_mode):
        return status.st_size == old.status.st_size and _same_bytes(path, old.path)
    return True


def _same_bytes(one: str, other: str) -> bool:
    with open(one, "rb", buffering=0) as first, open(other, "rb", buffering=0) as second:
        while True:
            data = first.read(CHUNK)
            if data != second.read(CHUNK):
                return False
            if not data:
                return True
