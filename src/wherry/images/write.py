"""Making an image of a configuration and layers that are in the store."""

from __future__ import annotations

import time

from wherry.errors import NotFoundError
from wherry.oci.manifest import CONFIG, LAYER, Descriptor, Manifest
from wherry.store import ImageRecord
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.oci.config import ImageConfig
    from wherry.store import Store


def create_image(
    store: Store,
    config: ImageConfig,
    data: bytes | None = None,
    *,
    base: Sequence[Descriptor] | None = None,
    keep: bool = True,
) -> ImageRecord:
    """Write the configuration and the manifest, and record the image.  Is idempotent.

    `data` are the config's own bytes where it comes from elsewhere, so that the image keeps its id.
    Without `keep` it is not recorded: only who has the result knows of it.

    A layer's descriptor is that of a blob that exists; else of its uncompressed tar, whose digest is its
    diff ID and which is written when somebody first needs it (the image-spec lets a layout lack blobs).
    With `base` the lowest layers are described by that, and all others are uncompressed tars, whatever
    blobs there happen to be: the manifest is then the same in every store.
    """
    data = config.to_json() if data is None else data
    image = store.blobs.put(data)
    if base is None:
        layers = tuple(layer_descriptor(store, diff_id) for diff_id in config.diff_ids)
    else:
        layers = (*base, *(plain_descriptor(store, diff_id) for diff_id in config.diff_ids[len(base) :]))
    manifest = Manifest(Descriptor(CONFIG, image, len(data)), layers)
    record = ImageRecord(image, store.blobs.put(manifest.to_json()), time.time())
    if keep:
        store.images.add(record)
    return record


def layer_descriptor(store: Store, diff_id: str) -> Descriptor:
    for blob in store.layers.blobs(diff_id):
        return Descriptor(blob.media_type, blob.digest, blob.size)
    return plain_descriptor(store, diff_id)


def plain_descriptor(store: Store, diff_id: str) -> Descriptor:
    """What a layer's uncompressed tar is.  Raises NotFoundError."""
    info = store.layers.info(diff_id)
    if info is None:
        raise NotFoundError(f"layer {diff_id} is not in the store")
    return Descriptor(LAYER, diff_id, info.tar_size)
