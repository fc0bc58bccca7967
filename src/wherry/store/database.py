"""The store's one SQLite file: names, images, layers, cache records, containers.

Every statement is its own transaction unless `transaction()` says otherwise; a kill between two of them
leaves each either done or not done.  Any number of processes use the file at once (WAL, busy timeout).
"""

from __future__ import annotations

import contextlib
import os
from _thread import RLock

from wherry.errors import StorageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

SCHEMA_VERSION = 1
# SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN (sqlite.org/rescode.html)
UNWRITABLE = (8, 10, 13, 14)

SCHEMA = """
CREATE TABLE images (
    id TEXT PRIMARY KEY, manifest TEXT NOT NULL, added REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE names (
    name TEXT PRIMARY KEY, image TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (
    diff_id TEXT PRIMARY KEY, size INTEGER NOT NULL, tar_size INTEGER NOT NULL, added REAL NOT NULL
    ) WITHOUT ROWID;
CREATE TABLE layer_blobs (
    diff_id TEXT NOT NULL, media_type TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, media_type, digest)) WITHOUT ROWID;
CREATE TABLE cache (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, components TEXT NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image_id TEXT NOT NULL, image_name TEXT NOT NULL,
    created REAL NOT NULL, config TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL,
    finished REAL NOT NULL, exit_code INTEGER NOT NULL, status TEXT NOT NULL) WITHOUT ROWID;
"""


class Database:
    """A connection, opened at the first use.  Threads take turns; a transaction is one turn."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._turn = RLock()
        self._connection: sqlite3.Connection | None = None
        self._refusal: sqlite3.Error | None = None

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run one statement and return all its rows.  Raises StorageError."""
        import sqlite3

        try:
            with self._turn:
                return self._open().execute(statement, values).fetchall()
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise _storage_error(self.path, self._refusal or error) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, with other writers kept out.  One inside another is a part of that."""
        with self._turn:
            if self._connection is not None and self._connection.in_transaction:
                yield
                return
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        """SQLite has done so itself after some errors, a full disk among them."""
        if self._connection is not None and self._connection.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection; the next statement opens another.

        To be called before a fork: SQLite's locks do not survive one, and neither process would notice.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            import sqlite3

            self._refusal = None
            fresh = not os.path.exists(self.path)
            if fresh:
                # SQLite would make it with the umask's mode, and its other files with the mode of this one.
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            # isolation_level None: no implicit transactions.  30 s: a disk that is slow for a while.
            self._connection = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            try:
                # NORMAL under WAL: a kill loses nothing; a power cut may lose the last transactions only.
                self._connection.execute("PRAGMA synchronous=NORMAL")
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            except sqlite3.OperationalError as error:
                return self._only_read(error)
            if fresh or version == 0:
                self._create(self._connection)
            elif version != SCHEMA_VERSION:
                raise StorageError(
                    f"{self.path} was written by another version of wherry (schema {version})",
                    hint="use that version, or give another folder with --root DIR",
                )
        return self._connection

    def _only_read(self, error: sqlite3.OperationalError) -> sqlite3.Connection:
        """Go on without writing where that is what failed; the first write that is tried raises `error`."""
        from wherry.store.readonly import connect_to_read

        assert self._connection is not None  # noqa: S101
        self._connection.close()
        self._connection = None
        if error.sqlite_errorcode & 0xFF in UNWRITABLE:
            self._connection = connect_to_read(self.path)
        if self._connection is None:
            raise error
        self._refusal = error
        return self._connection

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have created it while we waited for the lock.
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in SCHEMA.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _storage_error(path: str, error: Exception) -> StorageError:
    text = str(error)
    if "disk is full" in text or "disk I/O" in text:
        return StorageError(
            f"the disk is full: writing {path}", hint="free some space and run it again; nothing was lost"
        )
    if "readonly" in text or "unable to open" in text:
        return StorageError(
            f"the store cannot be written: {path}",
            hint="check the owner and the mode, or give a folder of your own with --root DIR",
        )
    return StorageError(
        f"the store's records cannot be read: {path}: {text}",
        hint="give another folder with --root DIR, or remove this one and build again",
    )
