"""Files that somebody else puts into a folder that we read: what looks like one may be none.

To open a named pipe waits for whoever writes to it, a device may never end, and what is huge fills the
memory.
"""

from __future__ import annotations

import os
import stat

NOT_BLOCKING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
CHUNK = 1 << 20


class NotRegular(OSError):
    """With what it is instead, or that it is too large, as `strerror`."""

    def __init__(self, path: str, words: str) -> None:
        super().__init__(0, words, path)


def read(path: str, most: int) -> bytes:
    """A file's bytes.  Never waits.

    Raises NotRegular for what is no file and for one of more than `most` bytes, or another OSError.
    """
    return read_status(path, most)[1]


def read_status(path: str, most: int) -> tuple[os.stat_result, bytes]:
    """As read(), with what the file was before it was read."""
    _check(path, os.stat(path), most)  # to open a device may already do something
    file = os.open(path, NOT_BLOCKING)
    try:
        status = os.fstat(file)
        _check(path, status, most)
        data = os.read(file, status.st_size + 1)
        while more := os.read(file, CHUNK) if len(data) <= most else b"":
            data += more
    finally:
        os.close(file)
    if len(data) > most:
        raise _too_large(path, most)
    return status, data


def _check(path: str, status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "special file")
        raise NotRegular(path, f"it is a {kind}, not a file")
    if status.st_size > most:
        raise _too_large(path, most)


def _too_large(path: str, most: int) -> NotRegular:
    return NotRegular(path, f"it is larger than {most >> 20} MiB")


KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
