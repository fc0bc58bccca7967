"""The store's one SQLite file: names, images, layers, cache records, containers, volumes.

Every statement is its own transaction unless `transaction()` says otherwise; a kill between two of them
leaves each either done or not done.  Any number of processes use the file at once (WAL, busy timeout).

A database that is missing or empty while the store holds something is never made anew: who did that would
tell the next collect() that nothing is referred to.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from _thread import RLock

from wherry.errors import RecordsLostError, StorageError
from wherry.store.schema import SCHEMA_VERSION, statements
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
else:
    try:  # without `datetime`, which nothing here needs
        import _sqlite3 as sqlite3
    except ImportError:  # the name is private, and another Python may not have it
        import sqlite3

# A database of which one page in so many is free is made smaller.
SLACK = 4
# SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN (sqlite.org/rescode.html), SQLITE_PROTOCOL:
# where the disk went read-only while the log's index was written, which nobody can make again there.
UNWRITABLE = (8, 10, 13, 14, 15)
FULL = 13
# Where one makes the database while another does: SQLite does not wait for its turn to change the journal.
BUSY = 5
PAUSES = (0.02, 0.04, 0.08, 0.16)

# What only a store that is in use has something in.
CONTENTS = ("blobs/sha256", "layers", "containers")
# The database, SQLite's log of what is not in it yet, the index of that log (sqlite.org/walformat.html).
LOG, INDEX = "-wal", "-shm"
FILES = ("", LOG, INDEX)
DAMAGE = (
    "malformed",
    "not a database",
    "no such table",
    "no such column",
    "has no column",
    "file is encrypted",
)


class Database:
    """A connection, opened at the first use.  Threads take turns; a transaction is one turn.

    Where nothing can be written it is read all the same, and what is written fails.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._turn = RLock()
        self._connection: sqlite3.Connection | None = None
        self._refusal: sqlite3.Error | None = None

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run one statement and return all its rows.  Raises StorageError."""
        try:
            with self._turn:
                if self._refusal is not None and not statement.startswith(("SELECT", "PRAGMA")):
                    self.close()  # it may be possible by now
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

    @contextlib.contextmanager
    def part(self) -> Iterator[None]:
        """A part of a transaction that is undone by itself where an exception leaves it."""
        with self.transaction():
            self.execute("SAVEPOINT part")
            try:
                yield
                self.execute("RELEASE part")
            except BaseException:
                # SQLite has undone all of the transaction itself after some errors.
                if self._connection is not None and self._connection.in_transaction:
                    self.execute("ROLLBACK TO part")
                    self.execute("RELEASE part")
                raise

    def _roll_back(self) -> None:
        """SQLite has done so itself after some errors, a full disk among them."""
        if self._connection is not None and self._connection.in_transaction:
            self.execute("ROLLBACK")

    def shrink(self) -> None:
        """Give the disk back what removed records took, where that is a large part of the file.

        Costs a copy of the database in memory.  Nothing is raised where somebody else uses it, or the disk
        is full: the room is used for the next records.
        """
        with self._turn, contextlib.suppress(StorageError):
            (pages,), (free,) = (
                self.execute(f"PRAGMA {each}")[0] for each in ("page_count", "freelist_count")
            )
            if int(str(free)) * SLACK < int(str(pages)):
                return
            self.execute("PRAGMA temp_store=MEMORY")
            self.execute("VACUUM")
            self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the connection; the next statement opens another.

        To be called before a fork: SQLite's locks do not survive one, and neither process would notice.
        """
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self._is_lost():
            raise RecordsLostError(f"the store's records are lost: {self.path} is missing or empty")
        self._refusal = None
        pauses = iter(PAUSES)
        while True:
            began = time.monotonic()
            try:
                self._refuse_strange_files()
                return self._ready(self._opened())
            except sqlite3.OperationalError as error:
                pause = next(pauses, None)
                at_once = time.monotonic() - began < 1
                if pause is None or not self._passes(error, at_once=at_once):
                    return self._only_read(error)
            time.sleep(pause)

    def _passes(self, error: sqlite3.OperationalError, *, at_once: bool) -> bool:
        """Whether it may be the doing of others who make, open or leave the database at this moment.

        `at_once` says that nothing was waited for.
        """
        code = error.sqlite_errorcode & 0xFF
        if code == BUSY:
            return at_once
        return code in UNWRITABLE and code != FULL and os.access(os.path.dirname(self.path), os.W_OK)

    def _opened(self) -> sqlite3.Connection:
        if not os.path.exists(self.path):
            # SQLite would make it with the umask's mode, and its other files with the mode of this one.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        # isolation_level None: no implicit transactions.  30 s: a disk that is slow for a while.
        return sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)

    def _ready(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """A connection to a database of this version."""
        try:
            # NORMAL under WAL: a kill loses nothing; a power cut may lose the last transactions only.
            connection.execute("PRAGMA synchronous=NORMAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != SCHEMA_VERSION:
                self._bring_up(connection, version)
        except BaseException:
            connection.close()
            raise
        return connection

    def _only_read(self, error: sqlite3.OperationalError) -> sqlite3.Connection:
        """Go on without writing where that is what failed; the first write that is tried raises `error`."""
        from wherry.store.readonly import connect_to_read, copy_in_memory

        if error.sqlite_errorcode & 0xFF not in UNWRITABLE or _is_empty(self.path):
            raise error
        connection = connect_to_read(self.path, SCHEMA_VERSION)
        if connection is None:
            connection = self._ready(copy_in_memory(self.path))
        connection.execute("PRAGMA query_only=ON")
        self._refusal = error
        return connection

    def _refuse_strange_files(self) -> None:
        """SQLite would write its log even to a FIFO.  Raises RecordsLostError for a folder, a link and the
        like; only the log's index is made again."""
        for end in ("", LOG):
            if not _may_be(self.path + end, link=not end):
                raise RecordsLostError(f"the store's records are lost: {self.path}{end} is not a file")
        if not _may_be(self.path + INDEX):
            try:
                self._drop_strange_index()
            except sqlite3.OperationalError as error:
                message = f"the store's records cannot be used: {self.path}{INDEX} is not a file"
                raise RecordsLostError(message) from error

    def _drop_strange_index(self) -> None:
        """Take away what lies in the place of the log's index, from which SQLite makes it again.

        While any other process has the database open that fails: it may have the right one, and must not
        be given two.  Raises sqlite3.OperationalError.
        """
        from wherry.layers.remove import remove_tree

        connection = sqlite3.connect(self.path, timeout=1, isolation_level=None)
        try:
            # In this mode SQLite needs no index, and no other process (sqlite.org/wal.html).
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            with contextlib.suppress(OSError):
                remove_tree(self.path + INDEX)
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _is_lost(self) -> bool:
        """Whether there is no database where there must be one.

        Asked twice: whoever has just made it may have filled the store between the two looks.
        """
        return _is_empty(self.path) and self._speaks_of_something() and _is_empty(self.path)

    def _speaks_of_something(self) -> bool:
        root = os.path.dirname(self.path)
        return any(_holds_something(os.path.join(root, folder)) for folder in CONTENTS)

    def _bring_up(self, connection: sqlite3.Connection, version: int) -> None:
        """Create the tables, or bring them to this version; of several processes one does it."""
        if not version:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN IMMEDIATE")
        # Another process may have done it while we waited for the lock.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and self._speaks_of_something():
            raise RecordsLostError(f"the store's records are lost: {self.path} has none")
        if version > SCHEMA_VERSION:
            raise StorageError(
                f"{self.path} was written by another version of wherry (schema {version})",
                hint="use that version, or give another folder with --root DIR",
            )
        for statement in statements(version):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return True


def _may_be(path: str, *, link: bool = False) -> bool:
    """Whether SQLite can take it for a file of its own, or make it; `link`: or a link to one."""
    try:
        return stat.S_ISREG(os.stat(path, follow_symlinks=link).st_mode)
    except FileNotFoundError:
        return True


def _holds_something(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False


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
    if any(word in text for word in DAMAGE):
        return RecordsLostError(f"the store's records are damaged: {path}: {text}")
    return StorageError(
        f"the store's records cannot be read: {path}: {text}",
        hint="give another folder with --root DIR, or see wherry system check",
    )
