"""Reading the records where nothing can be written: on a full disk, on a read-only file system.

SQLite keeps an index of its write-ahead log in a file beside it, which even a reader makes where no other
process has done so.
"""

from __future__ import annotations

import os

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def connect_to_read(path: str, version: int) -> sqlite3.Connection | None:
    """A connection that needs no room, to a database of this version; None where there is none."""
    import sqlite3
    import urllib.parse

    for query, pragma in _ways(path):
        uri = f"file:{urllib.parse.quote(path)}?{query}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(pragma)
            if connection.execute("PRAGMA user_version").fetchone()[0] == version:
                return connection
        except sqlite3.Error:
            pass
        connection.close()
    return None


def _ways(path: str) -> list[tuple[str, str]]:
    """Without a log the file alone is everything; else the log's index is kept in memory, which takes the
    file alone (sqlite.org/wal.html, "Use of WAL without shared memory")."""
    try:
        logged = os.stat(path + "-wal").st_size > 0
    except FileNotFoundError:
        logged = False
    if not logged:
        return [("mode=ro&immutable=1", "PRAGMA locking_mode=NORMAL")]
    return [("mode=rw", "PRAGMA locking_mode=EXCLUSIVE"), ("mode=ro", "PRAGMA locking_mode=NORMAL")]


def copy_in_memory(path: str) -> sqlite3.Connection:
    """The database as it is, for whoever may change it for itself: a log without its index needs writing,
    and so does one of another version."""
    import shutil
    import sqlite3
    import tempfile

    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with tempfile.TemporaryDirectory(prefix="wherry-") as folder:
        for end in ("", "-wal"):
            if os.path.exists(path + end):
                shutil.copyfile(path + end, f"{folder}/wherry.db{end}")
        copy = sqlite3.connect(f"{folder}/wherry.db")
        copy.backup(memory)
        copy.close()
    return memory
