"""The part of a check that follows references: names to images, images to manifests, configs and layers."""

from __future__ import annotations

import json
import os
import time

from wherry.oci.digest import digest_of
from wherry.oci.manifest import CONFIG, LAYER, Descriptor, Manifest
from wherry.store.finding import Finding
from wherry.store.regular import read_regular
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeGuard

    from wherry.store.images import ImageRecord
    from wherry.store.store import Store

LOOKS, PAUSE = 3, 0.1  # seconds
AGAIN = "load or build it again, or remove it with wherry rmi"


def images(store: Store) -> Iterator[Finding]:
    """Each image leads to a manifest, a configuration, and layers that are there."""
    for record in sorted(store.images.all()):
        shown = shown_name(store, record.id)
        config, manifest = _json(store, record.id), _json(store, record.manifest)
        diff_ids = _diff_ids(config)
        if diff_ids is None:
            yield Finding("image", shown, "its configuration is lost or damaged", AGAIN)
        if not _is_manifest(manifest):
            problem = "its manifest is lost or damaged"
            made = _made_again(store, record, diff_ids)
            if made is None:
                yield Finding("image", shown, problem, AGAIN)
            else:

                def mend(data: bytes = made) -> str:
                    store.blobs.put(data)
                    return "written again from its configuration and layers"

                yield Finding("image", shown, problem, mend=mend)
        elif manifest["config"]["digest"] != record.id:
            yield Finding("image", shown, "its manifest is another image's", AGAIN)
        for diff_id in diff_ids or ():
            if store.layers.info(diff_id) is None:
                yield Finding("image", shown, f"layer {diff_id[:19]} is not in the store", AGAIN)


def names(store: Store) -> Iterator[Finding]:
    """Each name stands for an image, or for an image index."""
    for name, target in store.names.all().items():
        if store.images.get(target) is not None or "manifests" in (_json(store, target) or {}):
            continue
        problem = f"stands for {target[:19]}, which is lost or damaged"
        yield Finding("name", name, problem, "load or build it again, or remove it with wherry rmi")


def index_file(store: Store) -> Iterator[Finding]:

    def mend() -> str:
        store.names.show()
        return "written again from the database"

    for _ in range(LOOKS):
        if _index_json(store) == store.names.index():
            return
        time.sleep(PAUSE)  # a command beside us may be between the record and the file
    yield Finding("index", "index.json", "does not say what the records say", mend=mend)


def _index_json(store: Store) -> object:
    try:
        return json.loads(read_regular(os.path.join(store.root, "index.json")))
    except (ValueError, RecursionError, OSError):
        return None


def users(store: Store, diff_id: str) -> list[str]:
    """The images and containers that have a layer, as people call them."""
    found = [
        shown_name(store, record.id)
        for record in sorted(store.images.all())
        if diff_id in (_diff_ids(_json(store, record.id)) or ())
    ]
    return found + [
        f"container {record.name}"
        for record in sorted(store.containers.all(), key=lambda record: record.name)
        if diff_id in record.config.layers
    ]


def shown_name(store: Store, image: str) -> str:
    from wherry.oci.reference import from_canonical

    found = [from_canonical(name).familiar() for name in store.names.of(image)]
    return f"{found[0]} ({image[7:19]})" if found else image[7:19]


def _made_again(store: Store, record: ImageRecord, diff_ids: list[str] | None) -> bytes | None:
    """The bytes of a manifest that is lost, where what it was made of gives them again."""
    infos = [store.layers.info(diff_id) for diff_id in diff_ids or ()]
    if diff_ids is None or None in infos:
        return None
    config = Descriptor(CONFIG, record.id, store.blobs.size(record.id))
    plain = [Descriptor(LAYER, info.diff_id, info.tar_size) for info in infos if info is not None]
    packed = [_descriptor(store, each) for each in plain]
    # The lowest layers may be those of a base, described by the blobs that came; the others are tars.
    for kept in range(len(plain) + 1):
        data = Manifest(config, (*packed[:kept], *plain[kept:])).to_json()
        if digest_of(data) == record.manifest:
            return data
    return None


def _descriptor(store: Store, plain: Descriptor) -> Descriptor:
    for blob in store.layers.blobs(plain.digest):
        return Descriptor(blob.media_type, blob.digest, blob.size)
    return plain


def _json(store: Store, digest: str) -> dict[str, Any] | None:
    from wherry.store.collect import read_json

    value = read_json(store, digest)
    return value if isinstance(value, dict) else None


def _is_manifest(value: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    if not isinstance(value, dict):
        return False
    config = value.get("config")
    return isinstance(config, dict) and "digest" in config and isinstance(value.get("layers"), list)


def _diff_ids(config: object) -> list[str] | None:
    rootfs = config.get("rootfs") if isinstance(config, dict) else None
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return [str(each) for each in found] if isinstance(found, list) else None
