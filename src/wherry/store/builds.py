"""What builds did, step by step: one small file a build, of which the newest are kept.

    builds/<milliseconds since 1970>-<id>   the JSON of a buildrecord.BuildRecord

A file and not a row of the database: a build that comes whole from the cache then writes nothing to that,
and closing SQLite's file after a write costs such a build more than all else that it does in the store.
"""

from __future__ import annotations

import os

from wherry import jsontext as json
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.store.buildrecord import BuildRecord

VERSION = 1
MOST = 100


class Builds:
    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "builds")

    def add(self, record: dict[str, Any]) -> None:
        """Keep a record (the fields of a BuildRecord); of all, the newest MOST and a few more.

        Nothing is raised: failing to write it costs an explanation and never the build.
        """
        text = json.dumps({"version": VERSION, **record}, separators=(",", ":"))
        path = f"{self._folder}/{int(record['began'] * 1000):013d}-{record['id']}"
        try:
            if not os.path.isdir(self._folder):
                os.makedirs(self._folder, mode=0o700, exist_ok=True)
            # In one write: what a kill cuts short is not JSON, and is passed over.
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, text.encode())
            finally:
                os.close(file)
            if record["id"].startswith("0"):
                self._forget()
        except OSError:
            pass

    def _forget(self) -> None:
        """Remove the oldest.  One build of sixteen looks for them."""
        from wherry.layers.remove import remove_tree

        for name in sorted(os.listdir(self._folder))[:-MOST]:
            remove_tree(f"{self._folder}/{name}")

    def all(self) -> list[BuildRecord]:
        """Newest first."""
        try:
            names = sorted(os.listdir(self._folder), reverse=True)
        except FileNotFoundError:
            return []
        return [record for name in names if (record := self._read(name)) is not None]

    def _read(self, name: str) -> BuildRecord | None:
        from wherry.store.buildrecord import read
        from wherry.store.regular import read_regular

        try:
            value = json.loads(read_regular(os.path.join(self._folder, name)))
            return read(value) if value.pop("version") == VERSION else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
