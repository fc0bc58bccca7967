"""Reading the records where nothing can be written: on a full disk, on a read-only file system.

SQLite keeps an index of its write-ahead log in a file beside it, which even a reader makes where no other
process has done so.
"""

from __future__ import annotations

import os
import urllib.parse

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def connect_to_read(path: str) -> sqlite3.Connection | None:
    """A connection that needs no room; None where there is none.  What is written through it fails."""
    import sqlite3

    for query, pragma in _ways(path):
        uri = f"file:{urllib.parse.quote(path)}?{query}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(pragma)
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error:
            connection.close()
            continue
        connection.execute("PRAGMA query_only=1")
        return connection
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
