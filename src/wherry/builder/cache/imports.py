"""A shared cache: its records are known at once, a layer comes when somebody reads it."""

from __future__ import annotations

import os
import time
from _thread import RLock

from wherry.builder.cache import document
from wherry.builder.cache.document import BUILDKIT, CONFIG
from wherry.counted import counted
from wherry.errors import CorruptError, NotFoundError, UnsupportedError, WherryError
from wherry.oci import manifest as oci
from wherry.oci.reference import parse
from wherry.store import LayerInfo
from wherry.store.cache import CacheRecord
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wherry.builder.cache.document import CachedLayer, Document, Record
    from wherry.builder.cache.options import SharedCache
    from wherry.builder.progress import Progress
    from wherry.oci.manifest import Descriptor, Manifest
    from wherry.oci.platform import Platform
    from wherry.registry.client import Registries
    from wherry.registry.fetch import Source
    from wherry.store import Store


class _Layer(NamedTuple):
    """A layer of a shared cache that nobody has needed yet, and where it is."""

    info: CachedLayer
    blob: Descriptor
    sources: Sequence[Source]
    whose: str


class Imported:
    """All shared caches of a build (see SharedCaches).

    Each is read when it is first asked; one that cannot be read is said, and done without.

    Of an image for several platforms it is the one for `platform` that is asked.
    `begin` is called before layers are fetched: from then on the stages run side by side.
    """

    def __init__(
        self,
        store: Store,
        caches: Sequence[SharedCache],
        registries: Callable[[], Registries],
        progress: Progress,
        begin: Callable[[], object],
        platform: Platform,
    ) -> None:
        self._platform = platform
        self._store = store
        self._caches = caches
        self._registries = registries
        self._progress = progress
        self._begin = begin
        self._turn = RLock()
        self._read = False
        self._records: dict[str, tuple[Record, str]] = {}
        self._layers: dict[str, _Layer] = {}

    def get(self, key: str) -> tuple[CacheRecord, LayerInfo, str] | None:
        if not self._caches:
            return None
        with self._turn:
            self._open()
            found = self._records.get(key)
        if found is None:
            return None
        record, whose = found
        layer = self._layers[record.value]
        return CacheRecord(record.value, record.created), LayerInfo(*layer.info), whose

    def is_here(self, diff_ids: Iterable[str]) -> bool:
        return not self._missing(diff_ids)

    def need(self, diff_ids: Iterable[str]) -> None:
        missing = self._missing(diff_ids)
        if not missing:
            return
        self._begin()
        from wherry.builder.progress import underway
        from wherry.builder.transfers import Told
        from wherry.registry.pull import fetch_layers

        with underway(
            self._progress, f"[cache] {counted(len(missing), 'layer')} of {missing[0].whose}"
        ) as step:
            for sources in {id(layer.sources): layer.sources for layer in missing}.values():
                pairs = [(layer.blob, layer.info.diff_id) for layer in missing if layer.sources is sources]
                fetch_layers(self._store, sources, pairs, Told(step))
            for layer in missing:
                self._remember(layer.info.diff_id)

    def elsewhere(self, diff_id: str) -> tuple[CachedLayer, Descriptor] | None:
        found = self._missing([diff_id])
        return (found[0].info, found[0].blob) if found else None

    def records_of(self, diff_id: str) -> list[Record]:
        return [record for record, _ in self._records.values() if record.value == diff_id]

    def diff_ids(self) -> list[str]:
        with self._turn:
            return list(self._layers)

    def _missing(self, diff_ids: Iterable[str]) -> list[_Layer]:
        if not self._layers:
            return []
        return [
            self._layers[diff_id]
            for diff_id in dict.fromkeys(diff_ids)
            if diff_id in self._layers and not self._store.layers.has(diff_id)
        ]

    def _remember(self, diff_id: str) -> None:
        """What is here is known from now on without the shared cache."""
        for record, _ in self._records.values():
            if record.value == diff_id and self._store.cache.get(record.key) is None:
                self._store.cache.put(record.key, diff_id, record.components, record.created)

    def _open(self) -> None:
        if self._read:
            return
        self._read = True
        for cache in self._caches:
            step = self._progress.begin(f"importing cache manifest from {cache.place}")
            step.working()
            try:
                self._add(cache)
            except WherryError as error:
                step.output(f"{error.message}\n".encode())
                if cache.ignore_error:
                    step.end(cached=False)
                    continue
                step.fail()
                self._progress.note(f"warning: the cache {cache.place} is not used: {error.message}")
                continue
            step.end(cached=False)

    def _add(self, cache: SharedCache) -> None:
        data, sources = self._manifest(cache)
        name = f"cache {cache.place}"
        manifest = oci.parse(data, name)
        if manifest.config.size > document.LARGEST * 2:
            raise CorruptError(f"its records have {manifest.config.size} bytes")
        if manifest.config.media_type == CONFIG:
            found = document.parse(self._config(manifest, sources), name)
            diff_ids: Sequence[str] = [layer.diff_id for layer in found.layers]
        elif manifest.config.media_type in (oci.CONFIG, oci.DOCKER_CONFIG):
            found, diff_ids = self._inline(manifest, sources, name)
        else:
            raise UnsupportedError(f"it is not a wherry cache but {_kind(manifest.config.media_type)}")
        if len(diff_ids) != len(manifest.layers):
            raise CorruptError(f"{name}: its layers are not those of its manifest")
        blobs = dict(zip(diff_ids, manifest.layers, strict=True))
        for info in found.layers:
            self._layers.setdefault(info.diff_id, _Layer(info, blobs[info.diff_id], sources, str(cache)))
        for record in found.records:
            self._records.setdefault(record.key, (record, str(cache)))

    def _config(self, manifest: Manifest, sources: Sequence[Source]) -> bytes:
        from wherry.registry.fetch import fetch_blob

        with self._store.using():
            fetch_blob(self._store, sources, manifest.config)
            return self._store.blobs.read(manifest.config.digest)

    def _inline(
        self, manifest: Manifest, sources: Sequence[Source], name: str
    ) -> tuple[Document, Sequence[str]]:
        """What an image's configuration knows of its layers, and the diff IDs of all of them."""
        from wherry.builder.cache import inline
        from wherry.oci.config import parse as parse_config

        config = parse_config(self._config(manifest, sources), name)
        found = inline.parse(config, name, time.time())
        if found is None:
            raise UnsupportedError(
                "it is not a wherry cache but an image without one (--cache-to type=inline gives it one)"
            )
        return found, config.diff_ids

    def _manifest(self, cache: SharedCache) -> tuple[bytes, Sequence[Source]]:
        if cache.type == "local":
            from wherry.copying.layout import LayoutSource

            if not os.path.isfile(os.path.join(cache.place, "index.json")):
                raise NotFoundError(f"{cache.place} holds no cache: it has no index.json")
            layout = LayoutSource(cache.place)
            return layout.manifest().data, [layout]
        from wherry.registry.pull import image_of

        name = parse(cache.place)
        sources = self._registries().sources(name)
        fetched = sources[-1].manifest(name.digest or name.tag)
        if fetched.media_type in (oci.INDEX, oci.DOCKER_INDEX):
            kinds = {entry.media_type for entry in oci.parse_index(fetched.data)}
            if BUILDKIT in kinds:
                raise UnsupportedError(f"it is not a wherry cache but {_kind(BUILDKIT)}")
            fetched = image_of(fetched, sources[-1:], self._platform, name.familiar())
        return fetched.data, sources[-1:]


def _kind(media_type: str) -> str:
    if media_type == BUILDKIT:
        return "one that BuildKit wrote"
    return media_type or "of no kind"
