"""A build's records and layers to a shared cache."""

from __future__ import annotations

import os

from wherry.builder.cache import inline as in_image
from wherry.builder.cache.document import CONFIG, CachedLayer, Record, write
from wherry.images.packing import Packing, Part, pack_layer
from wherry.oci.digest import digest_of
from wherry.oci.layout import REF_NAME, blob_path
from wherry.oci.manifest import Descriptor, Manifest
from wherry.oci.reference import parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from wherry.builder.cache.options import SharedCache
    from wherry.builder.cache.shared import SharedCaches
    from wherry.registry.client import Registries
    from wherry.registry.progress import Progress
    from wherry.store import Store

TAG = "latest"
"""What a folder's index calls its cache."""


def export(
    store: Store,
    cache: SharedCache,
    diff_ids: Sequence[str],
    shared: SharedCaches,
    registries: Callable[[], Registries],
    progress: Progress,
) -> str:
    """Write what is known of the steps that gave these layers, and the layers.  The manifest's digest.

    A layer that no step of the cache gave (a base image's) is not written: who uses the cache has the base.
    One that came from a shared cache and was not needed is not fetched where it goes to has it.
    Raises RegistryError, StorageError.
    """
    target = Folder(cache.place) if cache.type == "local" else AtRegistry(cache.place, registries())
    records = _known(store, diff_ids, shared)
    given = {record.value for record in records.values()}
    packing = Packing(cache.compression, cache.level)
    layers: list[CachedLayer] = []
    parts: list[Part] = []
    for diff_id in dict.fromkeys(diff_ids):
        if diff_id in given:
            info, part = _layer(store, diff_id, shared, target, packing)
            layers.append(info)
            parts.append(part)
    config = write(layers, records.values())
    digest = store.blobs.put(config)
    manifest = Manifest(Descriptor(CONFIG, digest, len(config)), tuple(part.blob for part in parts))
    return target.write(store, [part for part in parts if part.packed], manifest, progress)


def inline(store: Store, diff_ids: Sequence[str], base: int, shared: SharedCaches) -> dict[str, Any]:
    """What an image of these layers, of which the first `base` are another's, says of its own (inline)."""
    own = dict.fromkeys(diff_ids[base:])
    records = _known(store, list(own), shared)
    found = [(diff_id, store.layers.info(diff_id)) for diff_id in own]
    layers = [CachedLayer(*info) for _, info in found if info is not None]
    return in_image.write(diff_ids, layers, records.values())


def _known(store: Store, diff_ids: Sequence[str], shared: SharedCaches) -> dict[str, Record]:
    """What led to these layers, here and elsewhere, by its keys."""
    records = {record.key: record for diff_id in diff_ids for record in shared.records_of(diff_id)}
    for key, known, components in store.cache.components():
        if known.value in diff_ids:
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


class AtRegistry:
    """A name at a registry."""

    def __init__(self, place: str, registries: Registries) -> None:
        self._name = parse(place)
        self._repository = registries.target(self._name)

    def has(self, digest: str) -> bool:
        return self._repository.has_blob(digest, push=True)

    def write(self, store: Store, parts: Sequence[Part], manifest: Manifest, progress: Progress) -> str:
        from wherry.registry.push import push_parts

        push_parts(store, self._repository, self._name, parts, manifest.config, progress)
        return self._repository.put_manifest(self._name.tag, manifest.media_type, manifest.to_json())


class Folder:
    """An OCI layout in a folder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def has(self, digest: str) -> bool:
        return os.path.isfile(os.path.join(self._path, blob_path(digest)))

    def write(self, store: Store, parts: Sequence[Part], manifest: Manifest, _progress: Progress) -> str:
        from wherry.images import layout

        sink = layout.Folder(self._path)
        for blob in (*(part.blob for part in parts), manifest.config):
            sink.add(blob_path(blob.digest), blob.size, layout.from_file(store.blobs.path(blob.digest)))
        data = manifest.to_json()
        digest = digest_of(data)
        sink.add(blob_path(digest), len(data), lambda out: out(data))
        named = Descriptor(manifest.media_type, digest, len(data), {REF_NAME: TAG})
        sink.close([named.to_json()], ())
        return digest
