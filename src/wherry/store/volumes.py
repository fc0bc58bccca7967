"""Named volumes: a folder each, and a record of when and by whom it was made.

    volumes/<name>/   what containers keep there

A record without a folder is a volume that no container has mounted yet: the first one begins it with what
its image has there.  A folder without a record, of an older store or of a command that was killed, gets one
when it is first looked for; nothing but remove() takes a folder away.
"""

from __future__ import annotations

import contextlib
import json
import os

from wherry.errors import ConflictError, StorageError
from wherry.pattern import pattern
from wherry.store.temporary import delete, move_away
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.store.containers import Containers
    from wherry.store.database import Database

NAME = pattern(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")
COMMAND = "volume create"


class VolumeRecord(NamedTuple):
    """`created` in Unix seconds.  `maker` is the ID of the container that was the first to mount it,
    COMMAND, or "" where nobody knows."""

    name: str
    created: float
    maker: str = ""
    labels: tuple[tuple[str, str], ...] = ()


class Volumes:
    def __init__(self, root: str, temporary: str, database: Database, containers: Containers) -> None:
        self._temporary = temporary
        self._database = database
        self._containers = containers
        self.folder = os.path.join(root, "volumes")

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def add(self, record: VolumeRecord) -> None:
        """Record a volume, unless it has a record that says who made it.  Is idempotent."""
        self._database.execute(
            "INSERT INTO volumes VALUES (?,?,?,?) ON CONFLICT (name) DO UPDATE "
            "SET created=excluded.created, maker=excluded.maker WHERE maker=''",
            *_row(record),
        )

    def adopt(self, name: str) -> None:
        """Record a volume whose folder is there, if it has no record."""
        self._database.execute("INSERT OR IGNORE INTO volumes VALUES (?,?,?,?)", *_row(self._found(name)))

    def get(self, name: str) -> VolumeRecord | None:
        """None where there is no volume of that name."""
        return next((record for record in self.all() if record.name == name), None)

    def all(self) -> list[VolumeRecord]:
        """All of them, by name; one without a record gets it, where that can be written."""
        recorded, folders = self._recorded(), self._folders()
        with contextlib.suppress(StorageError):  # nobody's reading fails because nothing can be written
            for name in folders:
                if name not in recorded:
                    self.adopt(name)
        return [recorded.get(name) or self._found(name) for name in sorted({*folders, *recorded})]

    def users(self) -> dict[str, list[str]]:
        """The IDs of the containers, running or not, that are to mount each name."""
        found: dict[str, list[str]] = {}
        for container in self._containers.all():
            for volume in container.config.volumes:
                found.setdefault(volume.source, []).append(container.id)
        return found

    def remove(self, name: str) -> None:
        """Remove a volume.  Raises ConflictError where a container is to mount it.  Is idempotent.

        A container that is made at the same moment is earlier, and the volume stays; or later, and begins
        with a new one.  After a kill the volume is whole, or empty, or gone.
        """
        with self._database.transaction():
            users = self.users().get(name)
            if users:
                raise ConflictError(
                    f"remove {name}: volume is in use - [{', '.join(users)}]",
                    hint="wherry rm removes the containers",
                )
            self._database.execute("DELETE FROM volumes WHERE name=?", name)
            gone = move_away(self.path(name), self._temporary)
        delete(gone)

    def _folders(self) -> list[str]:
        """Not what lies there by a name that no volume can have."""
        try:
            with os.scandir(self.folder) as entries:
                return sorted(e.name for e in entries if NAME.match(e.name) and _is_folder(e))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _found(self, name: str) -> VolumeRecord:
        try:
            return VolumeRecord(name, os.stat(self.path(name)).st_ctime)
        except FileNotFoundError:
            return VolumeRecord(name, 0)

    def _recorded(self) -> dict[str, VolumeRecord]:
        rows = self._database.execute("SELECT name, created, maker, labels FROM volumes")
        return {str(row[0]): _record(*row) for row in rows}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _row(record: VolumeRecord) -> tuple[object, ...]:
    return (*record[:3], json.dumps(dict(record.labels)))


def _record(name: Any, created: Any, maker: Any, labels: Any) -> VolumeRecord:
    try:
        pairs = tuple(json.loads(labels).items())
    except (ValueError, TypeError, AttributeError, RecursionError):
        pairs = ()
    return VolumeRecord(name, created, maker, pairs)
