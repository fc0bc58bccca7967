"""A build's records and layers to a shared cache."""

from __future__ import annotations

import os

from wherry.builder.cache import inline as in_image
from wherry.builder.cache.document import CONFIG, LARGEST, CachedLayer, Record, write
from wherry.builder.cache.document import parse as parse_document
from wherry.builder.cache.others import Others
from wherry.errors import RegistryError, WherryError
from wherry.images.packing import Packing, Part, pack_layer
from wherry.oci.digest import digest_of
from wherry.oci.layout import REF_NAME, blob_path
from wherry.oci.manifest import Descriptor, Manifest
from wherry.oci.manifest import parse as parse_manifest
from wherry.oci.reference import parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Any

    from wherry.builder.cache.document import Document
    from wherry.builder.cache.options import SharedCache
    from wherry.builder.cache.others import Written
    from wherry.builder.cache.shared import SharedCaches
    from wherry.registry.client import Registries
    from wherry.registry.progress import Progress
    from wherry.registry.repository import Repository
    from wherry.store import Store

TAG = "latest"
"""What a folder's index calls its cache."""
MOST_TRIES = 5
"""To write beside builds that write at the same instant."""


class Destination:
    """A shared cache that a build writes, once or more often.

    At a registry what other builds wrote to its name stays beside what this one writes, the newest of it.
    """

    def __init__(self, cache: SharedCache, registries: Callable[[], Registries]) -> None:
        self.cache = cache
        self._target = Folder(cache.place) if cache.type == "local" else AtRegistry(cache.place, registries)

    def write(self, store: Store, diff_ids: Sequence[str], shared: SharedCaches, progress: Progress) -> str:
        """Write what is known of the steps that gave these layers, and the layers.  The manifest's digest.

        A layer that no step of the cache gave (a base image's) is not written: who uses the cache has the
        base.  One that came from a shared cache and was not needed is not fetched where it goes to has it.
        Raises RegistryError, StorageError.
        """
        records = _known(store, diff_ids, shared)
        given = {record.value for record in records.values()}
        packing = Packing(self.cache.compression, self.cache.level)
        with self._target as target:
            layers = [
                _layer(store, diff_id, shared, target, packing)
                for diff_id in dict.fromkeys(diff_ids)
                if diff_id in given
            ]
            return target.write(store, layers, records.values(), progress)


def inline(store: Store, diff_ids: Sequence[str], base: int, shared: SharedCaches) -> dict[str, Any]:
    """What an image of these layers, of which the first `base` are another's, says of its own (inline)."""
    own = dict.fromkeys(diff_ids[base:])
    records = _known(store, list(own), shared)
    found = [(diff_id, store.layers.info(diff_id)) for diff_id in own]
    layers = [CachedLayer(*info) for _, info in found if info is not None]
    return in_image.write(diff_ids, layers, records.values())


def _known(store: Store, diff_ids: Sequence[str], shared: SharedCaches) -> dict[str, Record]:
    """What led to these layers, here and elsewhere, by its keys."""
    wanted = dict.fromkeys(diff_ids)
    records = {record.key: record for diff_id in wanted for record in shared.records_of(diff_id)}
    for key, known, components in store.cache.components():
        if known.value in wanted:
            records[key] = Record(key, known.value, components, known.created)
    return records


def _layer(
    store: Store, diff_id: str, shared: SharedCaches, target: Folder | AtRegistry, packing: Packing
) -> tuple[CachedLayer, Part]:
    elsewhere = shared.elsewhere(diff_id)
    if elsewhere is not None:
        if target.has(elsewhere[1].digest):
            return elsewhere[0], Part(diff_id, elsewhere[1], False)
        shared.need([diff_id])
    part = pack_layer(store, diff_id, packing)
    info = store.layers.info(diff_id)
    assert info is not None  # noqa: S101  it was packed
    return CachedLayer(*info), part


def _manifest(store: Store, layers: Sequence[Written], records: Iterable[Record]) -> Manifest:
    """That of a cache, whose configuration is a blob of the store then."""
    config = write([layer for layer, _ in layers], records)
    digest = store.blobs.put(config)
    return Manifest(Descriptor(CONFIG, digest, len(config)), tuple(blob for _, blob in layers))


class AtRegistry:
    """A name at a registry; to be entered for each time that something is written."""

    def __init__(self, place: str, registries: Callable[[], Registries]) -> None:
        self._name = parse(place)
        self._registries = registries
        self._client: Registries
        self._repository: Repository
        self._seen: str | None = None
        self._others = Others()

    def __enter__(self) -> AtRegistry:
        self._client = self._registries()
        self._repository = self._client.target(self._name)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def has(self, digest: str) -> bool:
        return self._repository.has_blob(digest, push=True)

    def write(
        self,
        store: Store,
        layers: Sequence[tuple[CachedLayer, Part]],
        records: Collection[Record],
        progress: Progress,
    ) -> str:
        """Registries know no condition for a tag: it is looked at before it is moved, and after."""
        from wherry.registry.push import push_parts

        own = [(layer, part.blob) for layer, part in layers]
        parts = [part for _, part in layers if part.packed]
        for last in (*(False,) * MOST_TRIES, True):
            there = self._there()
            self._look(store, there)
            written, known = self._others.beside(own, records)
            manifest = _manifest(store, written, known)
            push_parts(store, self._repository, self._name, parts, manifest.config, progress)
            if self._there() != there and not last:
                continue
            try:
                self._seen = self._put(manifest)
            except RegistryError:
                if last or len(written) == len(own):
                    raise
                # Blobs of the others may be gone there.
                self._others, self._seen = Others(), there
                continue
            if self._there() in (None, self._seen):
                break
        return self._seen or ""

    def _put(self, manifest: Manifest) -> str:
        return self._repository.put_manifest(self._name.tag, manifest.media_type, manifest.to_json())

    def _there(self) -> str | None:
        """What the name stands for; None also for who may write it and not read."""
        try:
            return self._repository.digest(self._name.tag)
        except RegistryError:
            return None

    def _look(self, store: Store, there: str | None) -> None:
        """Keep what another build wrote."""
        if there is None or there == self._seen:
            return
        try:
            found = self._read(store, there)
        except WherryError:
            return  # whatever it is, it is no cache
        if found is not None:
            self._others.add(*found)
        self._seen = there

    def _read(self, store: Store, digest: str) -> tuple[Document, Sequence[Descriptor]] | None:
        from wherry.registry.fetch import fetch_blob

        place = self._name.familiar()
        manifest = parse_manifest(self._repository.manifest(digest).data, place)
        if manifest.config.media_type != CONFIG or manifest.config.size > LARGEST * 2:
            return None
        with store.using():
            fetch_blob(store, [self._repository], manifest.config)
            found = parse_document(store.blobs.read(manifest.config.digest), place)
        return (found, manifest.layers) if len(found.layers) == len(manifest.layers) else None


class Folder:
    """An OCI layout in a folder; what is written there replaces what was."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None: ...

    def has(self, digest: str) -> bool:
        return os.path.isfile(os.path.join(self._path, blob_path(digest)))

    def write(
        self,
        store: Store,
        layers: Sequence[tuple[CachedLayer, Part]],
        records: Collection[Record],
        _progress: Progress,
    ) -> str:
        from wherry.images import layout

        manifest = _manifest(store, [(layer, part.blob) for layer, part in layers], records)
        sink = layout.Folder(self._path)
        for blob in (*(part.blob for _, part in layers if part.packed), manifest.config):
            sink.add(blob_path(blob.digest), blob.size, layout.from_file(store.blobs.path(blob.digest)))
        data = manifest.to_json()
        digest = digest_of(data)
        sink.add(blob_path(digest), len(data), lambda out: out(data))
        named = Descriptor(manifest.media_type, digest, len(data), {REF_NAME: TAG})
        sink.close([named.to_json()], ())
        return digest
