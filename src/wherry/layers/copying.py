"""Copying single files with everything that belongs to them."""

from __future__ import annotations

import os
import stat
from errno import ELOOP, ENXIO

from wherry.layers.entry import FILE, FOLDER
from wherry.layers.tree import entry_of, xattrs_of
from wherry.layers.writefile import HOLE, NEW_FILE, SECOND, describe, make_special, set_metadata, write_all
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from wherry.layers.entry import AnyStatus, Entry

    Device = tuple[bytes, tuple[int, int]]  # entry.CHAR or entry.BLOCK; major, minor
    Moments = tuple[int, int, int, int]
    Into = tuple[str, str, tuple[int, int] | None, int | None, bool]
    Copied = tuple[Moments, bytes | None, os.stat_result]

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
) -> os.stat_result | None:
    """Copy one file, symlink, device or empty folder; `target` must not exist.

    Mode, owner, time, attributes and holes come along, unless `owner`, `mode` or `mtime` (seconds) say
    otherwise; without `xattrs` no attributes.  With `device` it becomes a node of that one.  Sockets are
    left out.  Folders need finish() again after they were filled.

    Returns what a regular file was when it had been read, else None.
    """
    path = os.fsencode(source)
    entry = entry_of(b"", path, os.lstat(path), {}, xattrs=xattrs)
    if entry is None:
        return None
    if device is not None:
        entry = entry._replace(type=device[0], device=device[1])
    entry = altered(entry, owner, mode)
    if entry.type == FILE:
        return _copy_file(source, target, entry, mtime)
    if make_special(target, entry):
        finish(target, entry, source, mtime=mtime)
    return None


def mode_of(bits: int | None) -> ModeChange | None:
    """The change to these permission bits."""
    return None if bits is None else _Bits(bits)


class _Bits(NamedTuple):
    """A ModeChange to these permission bits."""

    bits: int

    def apply(self, mode: int, *, folder: bool) -> int:
        return self.bits


def link_or_copy(name: str, source: str, kept: bool, bits: int | None, into: Into) -> Moments | bool | None:
    """Make what is no folder in a tree: another name of what another tree has `kept`, or a copy of `source`
    as copy_node() makes it, with these permission bits where they are given.

    `into` are the tree and the other one, owner and mtime, and whether attributes are copied, too.

    True for another name, False where something is in the way, else the moments() of a regular file when it
    had been read.
    """
    tree, other, owner, mtime, xattrs = into
    target = f"{tree}/{name}"
    if kept:
        try:
            os.link(f"{other}/{name}", target, follow_symlinks=False)
            return True
        except OSError:  # it has as many names as a file can have, or is on another disk
            pass
    try:
        now = copy_node(source, target, owner=owner, mode=mode_of(bits), mtime=mtime, xattrs=xattrs)
    except FileExistsError:
        return False
    return None if now is None else moments(now)


def moments(status: AnyStatus) -> Moments:
    """Inode, size and times, which tell of any change."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def altered(entry: Entry, owner: tuple[int, int] | None, mode: ModeChange | None) -> Entry:
    if owner is not None:
        entry = entry._replace(uid=owner[0], gid=owner[1])
    if mode is not None and entry.type in (FILE, FOLDER):
        entry = entry._replace(mode=mode.apply(entry.mode, folder=entry.type == FOLDER))
    return entry


def finish(target: str, entry: Entry, source: str, *, mtime: int | None = None) -> None:
    """Metadata, with the time to the nanosecond (trees keep what tars round off), or with `mtime`."""
    set_metadata(target, entry)
    moment = os.lstat(source).st_mtime_ns if mtime is None else mtime * SECOND
    os.utime(target, ns=(moment, moment), follow_symlinks=False)


def _copy_file(source: str, target: str, entry: Entry, mtime: int | None) -> os.stat_result:
    """A regular file: its bytes inside the kernel where they are many, holes kept.  What it was then."""
    after = os.open(target, NEW_FILE, entry.mode & 0o777)
    try:
        status = fill(source, after)
        describe(after, entry, status.st_mtime_ns if mtime is None else mtime * SECOND)
    finally:
        os.close(after)
    return status


def copy_small(
    source: str,
    target: str,
    owner: tuple[int, int] | None,
    mode: ModeChange | None,
    mtime: int | None,
    xattrs: bool,
) -> Copied | None:
    """copy_node() of a regular file of less than HOLE bytes, with half of the looks at the disk.

    What its moments() were when it had been read; its bytes, or None where it grew meanwhile or what was
    made has attributes; and what was made.  None for anything else: nothing is made then.
    """
    try:
        before = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (ELOOP, ENXIO):  # a symlink, a socket
            return None
        raise
    try:
        status = os.fstat(before)
        if not stat.S_ISREG(status.st_mode) or status.st_size >= HOLE:
            return None
        found = entry_of(b"", before, status, None, xattrs=xattrs)
        assert found is not None  # noqa: S101
        entry = altered(found, owner, mode)
        after = os.open(target, NEW_FILE, entry.mode & 0o777)
        try:
            data = _copy_small(before, after, status.st_size)
            now = os.fstat(before)
            describe(after, entry, now.st_mtime_ns if mtime is None else mtime * SECOND)
            return moments(now), data if not xattrs_of(after) else None, os.fstat(after)
        finally:
            os.close(after)
    finally:
        os.close(before)


def fill(source: str, after: int) -> os.stat_result:
    """The bytes of a regular file into an open empty one.  What the file was when it had been read."""
    before = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(before)
        if status.st_size < HOLE:
            _copy_small(before, after, status.st_size)
        else:
            _copy_large(before, after, status)
        return os.fstat(before)
    finally:
        os.close(before)


def _copy_small(before: int, after: int, size: int) -> bytes | None:
    """All of a file that was of this size; None where it has grown.

    One more byte is asked for than there are: less tells the end.
    """
    data = os.read(before, size + 1)
    write_all(after, data)
    if len(data) <= size:
        return data
    while data := os.read(before, CHUNK):
        write_all(after, data)
    return None


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
