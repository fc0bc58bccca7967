"""What is known from before: the layer that a step's key led to, and what a new one leads to."""

from __future__ import annotations

import contextlib
import os
import time

from wherry.images.view import whole_layer
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wherry.builder.cache.shared import SharedCaches
    from wherry.builder.options import BuildOptions
    from wherry.builder.plan.keys import Key
    from wherry.dockerfile.ast import Dockerfile
    from wherry.store import LayerInfo, Store
    from wherry.store.cache import CacheRecord
    from wherry.store.filemanifest import ManifestEntry


class StepCache:
    """The cache as one build sees it: the store's own records, then those of shared caches.

    With --no-cache only what this build made is known; with --no-cache-filter that is so in the stages
    that it names.
    """

    def __init__(
        self, store: Store, dockerfile: Dockerfile, options: BuildOptions, shared: SharedCaches
    ) -> None:
        self.store = store
        self.shared = shared
        self.made: set[str] = set()
        self._fresh = options.no_cache
        self._stages, self.unknown_stages = _filtered(dockerfile, options.no_cache_filter)
        self._stale: list[str] = []

    def of(self, stage: int) -> StageCache:
        """The cache as one stage sees it."""
        filtered = "no-cache-filter" if stage in self._stages else ""
        return StageCache(self, "no-cache" if self._fresh else filtered)

    def used(self, key: str, record: CacheRecord) -> None:
        """A record was of use.  It is only written when the last time is long ago."""
        if self.store.cache.is_stale(record):
            self._stale.append(key)

    def save(self) -> None:
        """Write which records were of use."""
        if self._stale:
            self.store.cache.touch(self._stale)


class StageCache:
    """One stage's view of the cache, which also remembers what the step in hand asked for.

    `why` says why the cache is not to be asked, "" where it is.
    """

    def __init__(self, cache: StepCache, why: str) -> None:
        self._cache = cache
        self.why = why
        self.keys: list[Key] = []
        self.layer: LayerInfo | None = None
        self.origin = ""
        self._manifests: dict[str, Callable[[], Iterable[ManifestEntry]]] = {}

    def begin(self) -> None:
        """Another step begins."""
        self.keys = []
        self.layer = None
        self.origin = ""
        self._manifests = {}

    def get(self, key: Key) -> CacheRecord | None:
        """The record of a key whose layer is still there, and whole, or in a shared cache (`origin`), from
        where it comes when it is needed."""
        cache = self._cache
        if all(key.digest != known.digest for known in self.keys):
            self.keys.append(key)
        if self.why and key.digest not in cache.made:
            return None
        record = cache.store.cache.get(key.digest)
        layer = whole_layer(cache.store, record.value) if record is not None else None
        if record is None or layer is None:
            return self._elsewhere(key)
        self.layer = layer
        cache.used(key.digest, record)
        return record

    def _elsewhere(self, key: Key) -> CacheRecord | None:
        found = self._cache.shared.get(key.digest)
        if found is None:
            return None
        record, self.layer, self.origin = found
        return record

    def put(self, key: Key, diff_id: str, created: float | None = None) -> CacheRecord:
        """Record what a key led to, now, or at the time at which another key led to it.

        A layer that is only in a shared cache is recorded when it comes.
        """
        from wherry.store.cache import CacheRecord

        cache = self._cache
        cache.made.add(key.digest)
        now = time.time()
        created = now if created is None else created
        layer = cache.store.layers.info(diff_id)
        if layer is not None:
            cache.store.cache.put(key.digest, diff_id, key.components, created)
            self.layer = layer
        return CacheRecord(diff_id, created, now)

    def alias(self, key: Key, known: Key, diff_id: str) -> CacheRecord:
        """Record that a key leads to the layer that a known one led to, as old as that."""
        record = self.get(known)
        return self.put(key, diff_id, record.created if record is not None else None)

    @contextlib.contextmanager
    def alone(self, key: Key, wait: Callable[[bool], None]) -> Iterator[None]:
        """Be the only one that makes what a key leads to, in this process and among all on this store.

        While somebody else is, `wait` is called again and again, with True the first time.  Whoever is
        killed lets go of it.
        """
        from wherry.store.temporary import hold

        # Who is not to know what others make shall not wait for it either.
        whose = f"{os.getpid()}-" if self.why else ""
        with hold(os.path.join(self._cache.store.temporary, f"key-{whose}{key.digest}.lock"), wait):
            yield

    def file_manifest(self, content: str, files: Callable[[], Iterable[ManifestEntry]]) -> None:
        """What files a content digest of the step's key stands for; asked for only if the step runs."""
        self._manifests[content] = files

    def keep_file_manifests(self) -> None:
        """The step was not in the cache: what it read is kept by name, for the next time."""
        for content, files in self._manifests.items():
            self._cache.store.file_manifests.add(content, files())


def _filtered(dockerfile: Dockerfile, names: tuple[str, ...]) -> tuple[frozenset[int], list[str]]:
    """The numbers of the stages that --no-cache-filter names, and the names that no stage has."""
    if not names:
        return frozenset(), []
    from wherry.builder.plan.graph import find_stage

    total = len(dockerfile.stages)
    found = {name: find_stage(dockerfile, name, total) for name in names}
    numbers = frozenset(number for number in found.values() if number is not None)
    return numbers, [name for name, number in found.items() if number is None]
