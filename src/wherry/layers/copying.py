"""Copying single files with everything that belongs to them."""

from __future__ import annotations

import os

from wherry.layers.entry import FILE, FOLDER
from wherry.layers.tree import entry_of
from wherry.layers.writefile import HOLE, make_special, set_metadata, write_all
from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wherry.layers.entry import Entry

    Device = tuple[bytes, tuple[int, int]]  # entry.CHAR or entry.BLOCK; major, minor

CHUNK = 1 << 20


class ModeChange(Protocol):
    def apply(self, mode: int, *, folder: bool) -> int:
        """The permission bits of a file or folder that has `mode`."""


def copy_node(
    source: str,
    target: str,
    *,
    owner: tuple[int, int] | None = None,
    mode: ModeChange | None = None,
    mtime: int | None = None,
    device: Device | None = None,
    xattrs: bool = True,
) -> None:
    """Copy one file, symlink, device or empty folder; `target` must not exist.

    Mode, owner, time, attributes and holes come along, unless `owner`, `mode` or `mtime` (seconds) say
    otherwise; without `xattrs` no attributes.  With `device` it becomes a node of that one.  Sockets are
    left out.  Folders need finish() again after they were filled.
    """
    path = os.fsencode(source)
    entry = entry_of(b"", path, os.lstat(path), {})
    if entry is None:
        return
    if device is not None:
        entry = entry._replace(type=device[0], device=device[1])
    entry = altered(entry, owner, mode)
    if not xattrs:
        entry = entry._replace(xattrs=())
    if entry.type == FILE:
        copy_bytes(source, target)
    elif not make_special(target, entry):
        return
    finish(target, entry, source, mtime=mtime)


def altered(entry: Entry, owner: tuple[int, int] | None, mode: ModeChange | None) -> Entry:
    if owner is not None:
        entry = entry._replace(uid=owner[0], gid=owner[1])
    if mode is not None and entry.type in (FILE, FOLDER):
        entry = entry._replace(mode=mode.apply(entry.mode, folder=entry.type == FOLDER))
    return entry


def finish(target: str, entry: Entry, source: str, *, mtime: int | None = None) -> None:
    """Metadata, with the time to the nanosecond (trees keep what tars round off), or with `mtime`."""
    set_metadata(target, entry)
    moment = os.lstat(source).st_mtime_ns if mtime is None else mtime * 1_000_000_000
    os.utime(target, ns=(moment, moment), follow_symlinks=False)


def copy_bytes(source: str, target: str) -> None:
    """The bytes of a regular file into a new file, inside the kernel, holes kept."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    after = os.open(target, flags, 0o600)
    try:
        fill(source, after)
    finally:
        os.close(after)


def fill(source: str, after: int) -> None:
    """The bytes of a regular file into an open empty one."""
    before = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(before)
        if status.st_size < HOLE:
            _copy_small(before, after)
        else:
            _copy_large(before, after, status)
    finally:
        os.close(before)


def _copy_small(before: int, after: int) -> None:
    while data := os.read(before, HOLE):
        write_all(after, data)


def _copy_large(before: int, after: int, status: os.stat_result) -> None:
    """Segment by segment where the file has holes, else in one go."""
    end = status.st_size
    position = 0
    sparse = status.st_blocks * 512 < end
    while position < end:
        stop = end
        if sparse:
            try:
                position = os.lseek(before, position, os.SEEK_DATA)
            except OSError:
                break
            stop = os.lseek(before, position, os.SEEK_HOLE)
        _copy_range(before, after, position, stop)
        position = stop
    os.ftruncate(after, end)


def _copy_range(before: int, after: int, start: int, stop: int) -> None:
    while start < stop:
        try:
            done = os.copy_file_range(before, after, stop - start, start, start)
        except OSError:
            # Across file systems, or a kernel that will not: through memory.
            data = os.pread(before, min(CHUNK, stop - start), start)
            os.lseek(after, start, os.SEEK_SET)
            write_all(after, data)
            done = len(data)
        if done == 0:
            return
        start += done
