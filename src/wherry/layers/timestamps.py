"""Trees that do not say when they were made: the layers of a reproducible build.

What a step wrote has one fixed time, NEW, whenever it ran, and that is what later steps see.  The time that
an image is to show (SOURCE_DATE_EPOCH) is put in when the image is written (`rewritten`), so that the same
step serves every epoch.  Times that a step set on purpose (from an archive, by ``touch -d``) stay.
"""

from __future__ import annotations

import os
import stat

from wherry.layers.entry import FILE, NEW
from wherry.layers.pack import Gathered, Packed, contents, disk_size
from wherry.layers.tarread import Member
from wherry.layers.tarwrite import END, header, padding
from wherry.layers.tree import ROOT_MODE, walk
from wherry.layers.unpack import Unpacker
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.entry import Entry

SECOND = 1_000_000_000


def moment(folder: str) -> int:
    """Now (ns), by the clock and in the precision of a folder's file system."""
    path = os.path.join(folder, f".moment-{os.urandom(6).hex()}")
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        return os.fstat(file).st_mtime_ns
    finally:
        os.close(file)
        os.unlink(path)


def clamp(tree: str, since: int) -> None:
    """Give everything below `tree` that was written at or after `since` the time NEW.

    What was changed since then but has an earlier time keeps it, in whole seconds, which is all that a
    layer's tar holds.  What was not touched since then is left alone.
    """
    stack = [tree]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    stack.append(entry.path)
                # A process cannot set its files' ctime back.
                if status.st_ctime_ns >= since:
                    _clamp_one(entry.path, status.st_mtime_ns, since)


def _clamp_one(path: str, mtime: int, since: int) -> None:
    clamped = NEW * SECOND if mtime >= since else mtime // SECOND * SECOND
    if clamped != mtime:
        os.utime(path, ns=(clamped, clamped), follow_symlinks=False)


def rewritten(tree: str, dest: str, epoch: int) -> Packed | None:
    """Copy a tree in overlay form into `dest`, an empty folder, with the times that an image shows.

    NEW becomes `epoch`, and so does every later time.  What the copy is as a layer, or None, and no copy,
    where the tree has no such time.
    """
    if all(_shown(item.entry.mtime, epoch) == item.entry.mtime for item in walk(tree)):
        return None
    os.chmod(dest, ROOT_MODE)
    with Gathered() as out:
        return _copied(tree, dest, epoch, out)


def _copied(tree: str, dest: str, epoch: int, out: Gathered) -> Packed:
    copy = Unpacker(dest, "the layer")
    size = count = 0
    for item in walk(tree):
        entry = item.entry._replace(mtime=_shown(item.entry.mtime, epoch))
        out.write(header(entry))
        copy.add(Member(entry, entry.size, None), _data(item.path, entry, out))
        count += 1
        size += disk_size(entry)
    copy.finish()
    out.write(END)
    out.flush()
    return Packed(out.digest(), out.size, size, count)


def _shown(mtime: int, epoch: int) -> int:
    return epoch if mtime == NEW or mtime > epoch else mtime


def _data(path: bytes | None, entry: Entry, out: Gathered) -> Iterator[bytes]:
    if path is None or entry.type != FILE or not entry.size:
        return
    for piece in contents(path, entry):
        out.write(piece)
        yield piece
    out.write(padding(entry.size))
