"""What each file of a context held when it was last read, so that the second look is only a scan.

As git's index: a file whose size, times and inode are unchanged has the digest it had.  A file that was
changed within the same moment as it was read could change again without its times showing it, so files
that are younger than `SETTLE` when they are read are not remembered.
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
    from collections.abc import Iterable

VERSION = 3
SETTLE_NS = 2_000_000_000
Row = list[object]


class FileIndex:
    """The index of one context, kept in one file; `path` None keeps none."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._rows = _load(path) if path else {}
        self._fresh: dict[str, Row] = {}
        self._changed = False

    def digest(self, name: str, host: str, status: os.stat_result) -> str:
        """What a regular file holds; from the index where its status is the same."""
        mark: Row = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        row = self._fresh.get(name) or self._rows.get(name)
        if row is not None and row[:4] == mark:
            self._fresh[name] = row
            return str(row[4])
        digest = hash_file(host)
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        if newest < time.time_ns() - SETTLE_NS:
            self._fresh[name] = [*mark, digest]
            self._changed = True
        return digest

    def save(self, seen: Iterable[str]) -> None:
        """Write the index if anything was learnt.  Rows of files that are gone are dropped.

        Is atomic.  Failing to write it only costs time later, so nothing is raised.
        """
        if not self._path or not self._changed:
            return
        kept = {name: row for name in seen if (row := self._fresh.get(name) or self._rows.get(name))}
        text = json.dumps({"version": VERSION, "files": kept}, separators=(",", ":"))
        folder = os.path.dirname(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            temporary = os.path.join(os.path.dirname(folder), "tmp")  # the store's
            write_file(temporary, self._path, text.encode("utf-8", "surrogateescape"))
        except OSError:
            pass


def hash_file(host: str) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    file = os.open(host, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return hex_of_file(file)
    finally:
        os.close(file)


def _load(path: str) -> dict[str, Row]:
    try:
        value = json.loads(read_regular(path).decode("utf-8", "surrogateescape"))
        if value["version"] == VERSION:
            rows: dict[str, Row] = value["files"]
            return rows
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}
