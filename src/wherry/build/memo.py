"""What is known from before: the layer that a step's key led to, and what a new one leads to."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.build.keys import Key
    from wherry.store import Store
    from wherry.store.cache import CacheRecord


class Memo:
    """The cache as one build sees it.  With `fresh` (--no-cache) only what this build made is known."""

    def __init__(self, store: Store, *, fresh: bool) -> None:
        self._store = store
        self._fresh = fresh
        self._made: set[str] = set()

    def get(self, key: Key) -> CacheRecord | None:
        """The record of a key whose layer is still there."""
        if self._fresh and key.digest not in self._made:
            return None
        record = self._store.cache.get(key.digest)
        if record is None or not self._store.layers.has(record.value):
            return None
        return record

    def put(self, key: Key, diff_id: str, created: float | None = None) -> CacheRecord:
        """Record what a key led to, now, or at the time at which another key led to it."""
        from wherry.store.cache import CacheRecord

        self._made.add(key.digest)
        created = time.time() if created is None else created
        self._store.cache.put(key.digest, diff_id, key.components, created)
        return CacheRecord(diff_id, created)

    @contextlib.contextmanager
    def alone(self, key: Key, wait: Callable[[bool], None]) -> Iterator[None]:
        """Be the only one that makes what a key leads to, in this process and among all on this store.

        While somebody else is, `wait` is called again and again, with True the first time.  Whoever is
        killed lets go of it.
        """
        from wherry.store.temporary import hold

        # Who is not to know what others make shall not wait for it either.
        whose = f"{os.getpid()}-" if self._fresh else ""
        with hold(os.path.join(self._store.temporary, f"key-{whose}{key.digest}.lock"), wait):
            yield
