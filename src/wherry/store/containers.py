"""Records of containers, and the folder where each keeps its files."""

from __future__ import annotations

import json
import os

from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.store.database import Database

COLUMNS = "id, name, image_id, image_name, created, config, pid, started, finished, exit_code, status"


class ContainerRecord(NamedTuple):
    """Times are Unix seconds, 0 for never.  `status` is "created", "running" or "exited"."""

    id: str
    name: str
    image_id: str
    image_name: str
    created: float
    config: dict[str, Any]
    pid: int = 0
    started: float = 0
    finished: float = 0
    exit_code: int = 0
    status: str = "created"


class Containers:
    def __init__(self, root: str, database: Database) -> None:
        self.folder = os.path.join(root, "containers")
        self._database = database

    def dir(self, container: str) -> str:
        return os.path.join(self.folder, container)

    def add(self, record: ContainerRecord) -> None:
        """Raises sqlite3.IntegrityError when the id or the name is taken."""
        os.makedirs(self.dir(record.id), mode=0o700, exist_ok=True)
        self._database.execute(
            f"INSERT INTO containers ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
            *record._replace(config=json.dumps(record.config)),  # type: ignore[arg-type]
        )
        _write(self.dir(record.id), record)

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
            fields["config"] = json.dumps(fields["config"])
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
            _write(self.dir(container), record)

    def saved(self, container: str) -> ContainerRecord | None:
        """The record in the container's folder; None where it is missing or damaged."""
        from wherry.store.containerrecord import read

        found = read(self.dir(container))
        return found if found is not None and found.id == container else None

    def remove(self, container: str) -> None:
        """Forget the record, then remove the files."""
        from wherry.layers.remove import remove_tree

        self._database.execute("DELETE FROM containers WHERE id=?", container)
        remove_tree(self.dir(container))

    def _select(self, where: str, *values: object) -> list[ContainerRecord]:
        rows = self._database.execute(
            f"SELECT {COLUMNS} FROM containers WHERE {where}",  # noqa: S608
            *values,
        )
        records = [ContainerRecord(*row) for row in rows]  # type: ignore[arg-type]
        return [r._replace(config=json.loads(r.config)) for r in records]  # type: ignore[arg-type]


def _write(folder: str, record: ContainerRecord) -> None:
    from wherry.store.containerrecord import write

    write(folder, record)
