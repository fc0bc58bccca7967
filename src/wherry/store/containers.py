"""Records of containers, and the folder where each keeps its files.

While a container is made or removed, its mark ``tmp/container-<id>.lock`` is held: where a kill comes
between folder and record, the next sweep finds the mark and removes the folder that has no record.
"""

from __future__ import annotations

import contextlib
import os

from wherry import jsontext as json
from wherry.errors import NotFoundError, StorageError, WherryError
from wherry.store import locks
from wherry.store.containerrecord import ContainerRecord
from wherry.store.temporary import discard
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store.containerconfig import ContainerConfig
    from wherry.store.database import Database

MARK = "container-"
COLUMNS = "id, name, image_id, image_name, created, config, pid, started, finished, exit_code, status"


class Containers:
    def __init__(self, root: str, temporary: str, database: Database) -> None:
        self._temporary = temporary
        self.folder = os.path.join(root, "containers")
        self._database = database

    def dir(self, container: str) -> str:
        return os.path.join(self.folder, container)

    def add(self, record: ContainerRecord) -> None:
        """Record a container and make its folder.  Is atomic.

        Raises sqlite3.IntegrityError when the id or the name is taken, NotFoundError where its image was
        removed meanwhile.
        """
        with self._marked(record.id):
            os.mkdir(self.dir(record.id), mode=0o700)
            try:
                with self._database.transaction():
                    self._insert(record)
            except BaseException:
                discard(self.dir(record.id), self._temporary)
                raise

    def _insert(self, record: ContainerRecord) -> None:
        if not self._database.execute("SELECT 1 FROM images WHERE id=?", record.image_id):
            raise NotFoundError(
                f"No such image: {record.image_name}", hint="another command has just removed it"
            )
        self.restore(record)
        self._keep(record)

    def restore(self, record: ContainerRecord) -> None:
        """Record a container whose folder is there.  Raises sqlite3.IntegrityError as add() does."""
        self._database.execute(
            f"INSERT INTO containers ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            *record._replace(config=_text(record.config)),  # type: ignore[arg-type]
        )

    def get(self, container: str) -> ContainerRecord | None:
        return next(iter(self._select("id=?", container)), None)

    def by_name(self, name: str) -> ContainerRecord | None:
        return next(iter(self._select("name=?", name)), None)

    def find(self, prefix: str) -> list[ContainerRecord]:
        return self._select("id>=? AND id<?", prefix, prefix + "g")

    def all(self) -> list[ContainerRecord]:
        """Newest first."""
        return self._select("1 ORDER BY created DESC")

    def update(self, container: str, **fields: object) -> None:
        """Change some fields.  Raises NotFoundError when the container is gone."""
        if "config" in fields:
            fields["config"] = _text(fields["config"])  # type: ignore[arg-type]
        changes = ", ".join(f"{name}=?" for name in fields)
        rows = self._database.execute(
            f"UPDATE containers SET {changes} WHERE id=? RETURNING id",  # noqa: S608
            *fields.values(),
            container,
        )
        if not rows:
            raise NotFoundError(f"No such container: {container[:12]}")
        self.save(container)

    def save(self, container: str) -> None:
        """Write the record into the container's folder too, where it outlives a lost database."""
        record = self.get(container)
        if record is not None:
            self._keep(record)

    def saved(self, container: str) -> ContainerRecord | None:
        """The record in the container's folder; None where it is missing or damaged."""
        from wherry.store.containerfile import read

        found = read(self.dir(container))
        return found if found is not None and found.id == container else None

    def remove(self, container: str) -> None:
        """Forget the record, then remove the files.  Is idempotent."""
        with self._marked(container):
            self._database.execute("DELETE FROM containers WHERE id=?", container)
            discard(self.dir(container), self._temporary)

    def settle(self, mark: str) -> None:
        """Take away the folder of a container that was being made or removed by a process that was killed.

        `mark` is the name of any lock that nobody holds.  Raises OSError where that cannot be done now.
        """
        if not mark.startswith(MARK):
            return
        container = mark.removeprefix(MARK)
        try:
            if self.get(container) is None:
                discard(self.dir(container), self._temporary)
        except StorageError as error:
            raise OSError(error.message) from error

    def unrecorded(self) -> list[str]:
        """The ids of folders without a record; they are nobody's if the store is held alone."""
        known = {record.id for record in self.all()}
        return [name for name in os.listdir(self.folder) if name not in known]

    @contextlib.contextmanager
    def _marked(self, container: str) -> Iterator[None]:
        import sqlite3

        path = os.path.join(self._temporary, f"{MARK}{container}.lock")
        lock = locks.take(path)
        try:
            yield
            os.unlink(path)
        except (sqlite3.IntegrityError, WherryError):
            os.unlink(path)
            raise
        finally:
            # After any other error it stays, for the next sweep to look what became of the container.
            locks.release(lock)

    def _select(self, where: str, *values: object) -> list[ContainerRecord]:
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM containers WHERE {where}",  # noqa: S608
            *values,
        )
        records = [ContainerRecord(*row) for row in rows]  # type: ignore[arg-type]
        return [record._replace(config=_config(record)) for record in records]

    def _keep(self, record: ContainerRecord) -> None:
        from wherry.store.containerfile import write

        write(self.dir(record.id), record, self._temporary)


def _text(config: ContainerConfig) -> str:
    from wherry.store.containerconfig import to_json

    return json.dumps(to_json(config))


def _config(record: ContainerRecord) -> ContainerConfig:
    """Of a row as the database has it, with text in the configuration's place."""
    from wherry.store.containerconfig import from_json

    try:
        value = json.loads(record.config)  # type: ignore[arg-type]
    except (ValueError, TypeError, RecursionError):
        value = None
    return from_json(value, record.name)
