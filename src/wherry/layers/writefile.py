"""Making one file of a tree: bytes with their holes, and then its metadata."""

from __future__ import annotations

import os
import stat

from wherry.layers.entry import FIFO, FOLDER, SYMLINK, Entry
from wherry.layers.tree import TYPES
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Runs of zeros of this size and alignment become holes.
HOLE = 1 << 16
ZEROS = bytes(HOLE)
SECOND = 1_000_000_000
MODES = {kind: mode for mode, kind in TYPES.items()}


NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def write_bytes(path: str | bytes, pieces: Iterable[bytes], entry: Entry) -> None:
    """Create a file with `pieces`, leaving holes where they are zeros, and its metadata.

    Raises FileExistsError, before a piece is taken.
    """
    file = os.open(path, NEW_FILE, 0o600)
    try:
        if entry.size < HOLE:
            for piece in pieces:
                write_all(file, piece)
        else:
            position = 0
            for piece in pieces:
                position = _write_sparse(file, piece, position)
            os.ftruncate(file, entry.size)
        describe(file, entry, entry.mtime * SECOND)
    finally:
        os.close(file)


def write_segments(
    path: str | bytes, segments: Iterable[tuple[int, int]], pieces: Iterator[bytes], entry: Entry
) -> None:
    """Create a file of `pieces`, cut at the (offset, length) of `segments`, and holes between them, and its
    metadata.  `pieces` are as many bytes as the segments.  Raises FileExistsError, as write_bytes()."""
    file = os.open(path, NEW_FILE, 0o600)
    try:
        held = b""
        for position, left in segments:
            while left:
                held = held or next(pieces)
                part, held = held[:left], held[left:]
                _write_sparse(file, part, position)
                position, left = position + len(part), left - len(part)
        os.ftruncate(file, entry.size)
        describe(file, entry, entry.mtime * SECOND)
    finally:
        os.close(file)


def write_all(file: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _write_sparse(file: int, piece: bytes, position: int) -> int:
    """Write a piece at `position`, seeking over its zero runs.  The position after it."""
    if ZEROS not in piece:
        os.lseek(file, position, os.SEEK_SET)
        write_all(file, piece)
        return position + len(piece)
    view = memoryview(piece)
    for start in range(0, len(piece), HOLE):
        part = view[start : start + HOLE]
        if part != ZEROS[: len(part)]:
            os.lseek(file, position + start, os.SEEK_SET)
            write_all(file, part)
    return position + len(piece)


def make_special(path: str | bytes, entry: Entry) -> bool:
    """Make a folder, symlink, fifo or device.  False where a device is not allowed here."""
    if entry.type == FOLDER:
        os.mkdir(path, 0o700)
    elif entry.type == SYMLINK:
        os.symlink(entry.target, os.fsencode(path))
    elif entry.type == FIFO:
        os.mkfifo(path, 0o600)
    else:
        try:
            os.mknod(path, MODES[entry.type] | 0o600, os.makedev(*entry.device))
        except PermissionError:
            return False
    return True


def describe(file: int, entry: Entry, moment: int) -> None:
    """set_metadata() of a file that is open, with a time in nanoseconds."""
    status = os.fstat(file)
    chowned = (entry.uid, entry.gid) != (status.st_uid, status.st_gid)
    if chowned:
        os.fchown(file, entry.uid, entry.gid)
    if chowned or stat.S_IMODE(status.st_mode) != entry.mode:
        os.fchmod(file, entry.mode)
    for name, value in entry.xattrs:
        set_xattr(file, name, value)
    os.utime(file, ns=(moment, moment))


def set_metadata(path: str | bytes, entry: Entry) -> None:
    """Owner, mode, attributes, time, in the order in which they do not undo each other.

    chown clears setuid and capabilities, so it comes first; the time comes last.
    """
    if (entry.uid, entry.gid) != _owner(path):
        os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
    if entry.type != SYMLINK:
        os.chmod(path, entry.mode)
    for name, value in entry.xattrs:
        set_xattr(path, name, value)
    moment = entry.mtime * 1_000_000_000
    os.utime(path, ns=(moment, moment), follow_symlinks=False)


def _owner(path: str | bytes) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_uid, status.st_gid


def set_xattr(path: str | bytes | int, name: bytes, value: bytes) -> None:
    """Set an extended attribute of a path or of an open file.

    A file system without such attributes is not an error, a refusal is.
    """
    import errno

    try:
        if isinstance(path, int):
            os.setxattr(path, name, value)
        else:
            os.setxattr(path, name, value, follow_symlinks=False)
    except OSError as error:
        # A symlink takes no user.* attribute and some file systems no ACL: the file stays usable.
        if error.errno not in (errno.EOPNOTSUPP, errno.EPERM) or name == b"security.capability":
            raise


def is_folder(path: str | bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False
