"""What each file of a context held when it was last read, so that the second look is only a scan.

As git's index: a file whose size, times and inode are unchanged has the digest it had.  A file that was
changed within the same moment as it was read could change again without its times showing it, so files
that are younger than `SETTLE_NS` when they are read are not remembered.
"""

from __future__ import annotations

import json
import os
import time

from wherry.sha256 import hex_of_file
from wherry.store.regular import read_regular
from wherry.store.temporary import write_file
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

VERSION = 4
SETTLE_NS = 2_000_000_000
# An index of so many rows is never looked through for files that are gone.
FEW = 1000
Row = list[object]


class FileIndex:
    """The index of the context in the folder `root`, kept in one file; `path` None keeps none.

    What one build learnt stays for all others, whichever files they ask for.
    """

    def __init__(self, root: str, path: str | None) -> None:
        self._root = root
        self._path = path
        self._rows, self._swept = _load(path) if path else ({}, 0)
        self._asked: set[str] = set()
        self._changed = False

    def digest(self, name: str, host: str, status: os.stat_result) -> str:
        """What a regular file holds; from the index where its status is the same."""
        mark: Row = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        row = self._rows.get(name)
        if row is not None and row[:4] == mark:
            self._asked.add(name)
            return str(row[4])
        digest = hash_file(host)
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        if newest < time.time_ns() - SETTLE_NS:
            self._rows[name] = [*mark, digest]
            self._asked.add(name)
            self._changed = True
        return digest

    def save(self) -> None:
        """Write the index if anything was learnt.  Rows of files that are gone are dropped in time.

        Is atomic.  Failing to write it only costs time later, so nothing is raised.
        """
        if not self._path or not self._changed:
            return
        if len(self._rows) > max(FEW, 2 * self._swept):
            self._sweep()
        value = {"version": VERSION, "swept": self._swept, "files": self._rows}
        text = json.dumps(value, separators=(",", ":"))
        folder = os.path.dirname(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            temporary = os.path.join(os.path.dirname(folder), "tmp")  # the store's
            write_file(temporary, self._path, text.encode("utf-8", "surrogateescape"))
        except OSError:
            pass

    def _sweep(self) -> None:
        """Drop the rows of files that are gone.

        Done when the index is twice as large as after the last time, so that it costs no more looks than
        there were files to hash in between.
        """
        self._rows = {name: row for name, row in self._rows.items() if self._is_there(name)}
        self._swept = len(self._rows)

    def _is_there(self, name: str) -> bool:
        return name in self._asked or os.path.lexists(os.path.join(self._root, name))


def hash_file(host: str) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    file = os.open(host, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return hex_of_file(file)
    finally:
        os.close(file)


def _load(path: str) -> tuple[dict[str, Row], int]:
    """The rows, and how many there were when those of files that are gone were dropped."""
    try:
        value: Mapping[str, Any] = json.loads(read_regular(path).decode("utf-8", "surrogateescape"))
        if value["version"] == VERSION:
            return dict(value["files"]), int(value["swept"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}, 0
