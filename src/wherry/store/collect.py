"""Removing what nothing refers to any more."""

from __future__ import annotations

import json
import os

from wherry.store.temporary import discard
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store.store import Store


def collect(store: Store) -> int:
    """Remove layers and blobs without a referrer; the caller holds the store alone.  Bytes freed."""
    keep_layers, keep_blobs = _referred(store)
    freed = 0
    for layer in store.layers.all():
        if layer.diff_id not in keep_layers:
            freed += layer.size
            store.layers.remove(layer.diff_id)
        else:
            keep_blobs.update(blob.digest for blob in store.layers.blobs(layer.diff_id))
    known = {store.layers.path(layer.diff_id) for layer in store.layers.all()}
    for name in os.listdir(store.layers.folder):
        # A tree without a record: its process was killed between the rename and the record.
        path = os.path.join(store.layers.folder, name)
        if path not in known:
            discard(path, store.temporary)
    _remove_unrecorded_containers(store)
    for name in os.listdir(store.blobs.folder):
        if "sha256:" + name not in keep_blobs:
            freed += store.blobs.remove("sha256:" + name)
    return freed


def _remove_unrecorded_containers(store: Store) -> None:
    """Not where all records are lost: then a container's files may be in such a folder."""
    if store.images.all():
        for container in store.containers.unrecorded():
            discard(store.containers.dir(container), store.temporary)


def _referred(store: Store) -> tuple[set[str], set[str]]:
    """(diff IDs, blob digests) that images, containers and cache records refer to."""
    layers, blobs = referred_by_images(store)
    known = store.cache.values()  # a record's value is a layer, or the blob that a layer was compressed to
    return layers | known, blobs | known


def referred_by_images(store: Store) -> tuple[set[str], set[str]]:
    """(diff IDs, blob digests) that images and containers refer to."""
    layers: set[str] = set()
    blobs = set(store.names.all().values())  # image indexes, beside images
    for image in store.images.all():
        blobs |= {image.id, image.manifest}
        if store.blobs.has(image.id):
            layers.update(json.loads(store.blobs.read(image.id))["rootfs"]["diff_ids"])
        if store.blobs.has(image.manifest):
            blobs.update(
                layer["digest"] for layer in json.loads(store.blobs.read(image.manifest))["layers"]
            )
    for container in store.containers.all():
        layers.update(container.config.get("layers", ()))
    return layers, blobs
