"""Removing what nothing refers to any more."""

from __future__ import annotations

import contextlib
import json
import os

from wherry.errors import CorruptError, NotFoundError
from wherry.oci.attestation import subject_of
from wherry.oci.manifest import parse as parse_manifest
from wherry.store.temporary import discard
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from wherry.store.blobs import Blobs
    from wherry.store.cache import Cache
    from wherry.store.containers import Containers
    from wherry.store.images import Images, Names
    from wherry.store.layers import Layers


class Contents(Protocol):
    """A store, as far as it is collected."""

    blobs: Blobs
    cache: Cache
    containers: Containers
    images: Images
    layers: Layers
    names: Names
    temporary: str

    def warn(self, text: str) -> None: ...


class Referred(NamedTuple):
    """What images, containers and cache records refer to; `doubts` are the digests of blobs that would say
    more and cannot be read: while there are any, nothing that may be theirs is removed."""

    layers: set[str]
    blobs: set[str]
    doubts: list[str]


def collect(store: Contents) -> int:
    """Remove layers and blobs without a referrer; the caller holds the store alone.  Bytes freed.

    Removes nothing, and says so, while it cannot tell what an image consists of.
    """
    keep_layers, keep_blobs, doubts = _referred(store)
    if doubts:
        store.warn(
            f"blob {doubts[0]} is damaged or lost, so nothing was collected: "
            "load or build its image again, or remove it (wherry system check names it)"
        )
        return 0
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
    store.layers.drop_dangling()
    _remove_unrecorded_containers(store)
    for name in os.listdir(store.blobs.folder):
        if "sha256:" + name not in keep_blobs:
            freed += store.blobs.remove("sha256:" + name)
    return freed


def _remove_unrecorded_containers(store: Contents) -> None:
    """Not where all records are lost: then a container's files may be in such a folder."""
    if store.images.all():
        for container in store.containers.unrecorded():
            discard(store.containers.dir(container), store.temporary)


def _referred(store: Contents) -> Referred:
    """What images, containers and cache records refer to."""
    layers, blobs, doubts = referred_by_images(store)
    known = store.cache.values()  # a record's value is a layer, or the blob that a layer was compressed to
    return Referred(layers | known, blobs | known, doubts)


def referred_by_images(store: Contents) -> Referred:
    """What images and containers refer to."""
    # Image indexes, beside images: those that have a name, and those that registries have images by.
    targets = set(store.names.all().values())
    at_registries = {name.rpartition("@")[2] for name in store.names.digests()}
    others = at_registries - {image.manifest for image in store.images.all()}  # which are looked at below
    found = Referred(set(), targets | {each for each in others if _is_index(store, each)}, [])
    for target in targets:
        found.blobs.update(_attested(store, target))
    for image in store.images.all():
        found.blobs.update((image.id, image.manifest))
        config, manifest = read_json(store, image.id), read_json(store, image.manifest)
        listed = manifest["layers"] if manifest is not None else []
        found.blobs.update(layer["digest"] for layer in listed)
        if config is not None:
            found.layers.update(config["rootfs"]["diff_ids"])
        else:
            diff_ids = [_layer_of(store, layer["digest"]) for layer in listed]
            found.layers.update(diff_id for diff_id in diff_ids if diff_id is not None)
            if manifest is None or None in diff_ids:
                found.doubts.append(image.id)
    for container in store.containers.all():
        found.layers.update(container.config.layers)
    return found


def _is_index(store: Contents, digest: str) -> bool:
    """An image's own manifest counts only while the image names it."""
    value = read_json(store, digest) if store.blobs.has(digest) else None
    return isinstance(value, dict) and isinstance(value.get("manifests"), list)


def _attested(store: Contents, index: str) -> Iterator[str]:
    """The blobs of what an index attests of its images; nothing for an image."""
    value = read_json(store, index) if store.images.get(index) is None else None
    entries = value.get("manifests") if isinstance(value, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if subject_of(entry) is None:
            continue
        digest = str(entry.get("digest"))
        yield digest
        with contextlib.suppress(CorruptError, NotFoundError):
            manifest = parse_manifest(store.blobs.read(digest))
            yield from (manifest.config.digest, *(layer.digest for layer in manifest.layers))


def read_json(store: Contents, digest: str) -> Any:
    """A blob's JSON, or None where it is damaged or lost."""
    try:
        return json.loads(store.blobs.read(digest))
    except (NotFoundError, CorruptError, ValueError, RecursionError):
        return None


def _layer_of(store: Contents, digest: str) -> str | None:
    """The layer that a manifest's blob holds: its plain tar, or one that was kept compressed."""
    return digest if store.layers.info(digest) is not None else store.layers.of_blob(digest)
