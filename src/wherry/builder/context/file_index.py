"""What each file of a context held when it was last read, so that the second look is only a scan.

As git's index: a file whose size, times and inode are unchanged has the digest it had.  A file that was
changed within the same moment as it was read could change again without its times showing it, so files
that are younger than `SETTLE_NS` when they are read are not remembered.

contexts/<mark>   "index 5 <swept> <number of files>" NUL, then name NUL row NUL for each file

A row is one text, which a status and a digest make: 200,000 of them are read in a tenth of a second, and
take a quarter of the memory that lists of numbers take.
"""

from __future__ import annotations

import os

from wherry.sha256 import hex_of_file
from wherry.store.regular import open_regular
from wherry.store.temporary import write_pieces
from wherry.texts import PIECE, encoded
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.entry import AnyStatus

VERSION = "index 5"
SETTLE_NS = 2_000_000_000
# An index of so many rows is never looked through for files that are gone.
FEW = 1000
DIGITS = 64  # of a digest; the last row of an index that was cut off may have less


class FileIndex:
    """The index of the context in the folder `root`, kept in one file; `path` None keeps none.

    What one build learnt stays for all others, whichever files they ask for.
    """

    def __init__(self, root: str, path: str | None) -> None:
        self._root = root
        self._path = path
        self._rows, self._swept = _load(path) if path else ({}, 0)
        self._changed = False

    def known(self, name: str, status: AnyStatus) -> str | None:
        """What a regular file held when its status was the same; None where that was not looked at."""
        mark = _mark(status)
        row = self._rows.get(name, "")
        return row[len(mark) :] if row.startswith(mark) and len(row) == len(mark) + DIGITS else None

    def learn(self, name: str, status: AnyStatus, digest: str, before: int) -> None:
        """A file of that status was read, after the moment `before` (ns): it held what has the digest."""
        if max(status.st_mtime_ns, status.st_ctime_ns) < before - SETTLE_NS:
            self._rows[name] = _mark(status) + digest
            self._changed = True

    def save(self) -> None:
        """Write the index if anything was learnt.  Rows of files that are gone are dropped in time.

        Is atomic.  Failing to write it only costs time later, so nothing is raised.
        """
        if not self._path or not self._changed:
            return
        if len(self._rows) > max(FEW, 2 * self._swept):
            self._sweep()
        folder = os.path.dirname(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            temporary = os.path.join(os.path.dirname(folder), "tmp")  # the store's
            write_pieces(temporary, self._path, encoded(self._texts()))
        except OSError:
            pass

    def _texts(self) -> Iterator[str]:
        yield f"{VERSION} {self._swept} {len(self._rows)}\0"
        for name, row in self._rows.items():
            yield f"{name}\0{row}\0"

    def _sweep(self) -> None:
        """Drop the rows of files that are gone.

        Done when the index is twice as large as after the last time, so that it costs no more looks than
        there were files to hash in between.
        """
        self._rows = {
            n: row for n, row in self._rows.items() if os.path.lexists(os.path.join(self._root, n))
        }
        self._swept = len(self._rows)


def _mark(status: AnyStatus) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} "


def hash_file(host: str) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    file = os.open(host, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return hex_of_file(file)
    finally:
        os.close(file)


def _load(path: str) -> tuple[dict[str, str], int]:
    """The rows, and how many there were when those of files that are gone were dropped."""
    try:
        fields = _fields(path)
        version, _, numbers = next(fields, "").rpartition(VERSION)
        swept, count = map(int, numbers.split())
        rows = dict(zip(fields, fields, strict=True))
        if not version and len(rows) == count:
            return rows, swept
    except (OSError, ValueError):
        pass
    return {}, 0


def _fields(path: str) -> Iterator[str]:
    """What NULs end in a file, piece by piece.  Raises ValueError where it was cut off."""
    rest = b""
    with open_regular(path) as file:
        while piece := file.read(PIECE):
            whole, end, rest = (rest + piece).rpartition(b"\0")
            if end:
                yield from whole.decode("utf-8", "surrogateescape").split("\0")
    if rest:
        raise ValueError("cut off")
