"""The build cache: what a step's key led to, and what the key was made of."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from wherry.store.database import Database


class CacheRecord(NamedTuple):
    """`value` is what the step gave (a diff ID, or a JSON text), `created` in Unix seconds."""

    value: str
    created: float


class Cache:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> CacheRecord | None:
        rows = self._database.execute("SELECT value, created FROM cache WHERE key=?", key)
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

    def values(self) -> set[str]:
        """Every result that a record points to."""
        return {str(row[0]) for row in self._database.execute("SELECT DISTINCT value FROM cache")}

    def forget(self, key: str) -> None:
        self._database.execute("DELETE FROM cache WHERE key=?", key)
