"""The build cache: what a step's key led to, and what the key was made of."""

from __future__ import annotations

import time

from wherry import jsontext as json
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.store.database import Database

# A record that is of use is only written again when the last time is this long ago (seconds).
COARSE = 3600


class CacheRecord(NamedTuple):
    """`value` is what the step gave (a diff ID, or a JSON text); `created` and when it was last of use,
    within COARSE, in Unix seconds."""

    value: str
    created: float
    used: float = 0


class Cache:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> CacheRecord | None:
        rows = self._database.execute("SELECT value, created, used FROM cache WHERE key=?", key)
        return CacheRecord(*rows[0]) if rows else None  # type: ignore[arg-type]

    def put(self, key: str, value: str, components: dict[str, Any], created: float | None = None) -> None:
        """Remember a result.  The last one wins: after ``--no-cache`` the new result is the one to use."""
        now = time.time()
        self._database.execute(
            "INSERT OR REPLACE INTO cache VALUES (?,?,?,?,?)",
            key,
            value,
            json.dumps(components),
            now if created is None else created,
            now,
        )

    def is_stale(self, record: CacheRecord) -> bool:
        """Whether a use of the record now is to be written."""
        return time.time() - record.used > COARSE

    def touch(self, keys: Sequence[str]) -> None:
        """The records were of use now."""
        with self._database.transaction():
            for key in keys:
                self._database.execute("UPDATE cache SET used=? WHERE key=?", time.time(), key)

    def values(self) -> set[str]:
        """Every result that a record points to."""
        return {str(row[0]) for row in self._database.execute("SELECT DISTINCT value FROM cache")}

    def components(self) -> list[tuple[str, CacheRecord, dict[str, Any]]]:
        """Every key, its record, and what the key was made of."""
        rows = self._database.execute("SELECT key, value, created, used, components FROM cache")
        return [
            (str(key), CacheRecord(*record), json.loads(str(made_of)))  # type: ignore[arg-type]
            for key, *record, made_of in rows
        ]

    def forget(self, key: str) -> None:
        self._database.execute("DELETE FROM cache WHERE key=?", key)
