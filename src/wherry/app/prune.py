"""Removing what nothing uses: containers that ended, images, build cache.  Volumes: app.volumes."""

from __future__ import annotations

import contextlib
import os

from wherry.app.volumes import Pruned
from wherry.errors import ConflictError, NotFoundError
from wherry.store.prune import size_on_disk
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.images.view import Image
    from wherry.store import ContainerRecord, Store
    from wherry.store.prune import Item


def prune_containers(store: Store, *, keep: Callable[[ContainerRecord], bool]) -> Pruned:
    """Those that do not run, but for what `keep` says yes to."""
    from wherry.containers.state import all_containers
    from wherry.containers.stop import remove

    names, size = [], 0
    for record in all_containers(store):
        if record.status == "running" or keep(record):
            continue
        room = size_on_disk(store.containers.dir(record.id))
        try:
            remove(store, record, force=False)
        except (ConflictError, NotFoundError):
            continue  # started, or removed, meanwhile
        names.append(record.id)
        size += room
    return Pruned(tuple(names), size)


def prune_images(store: Store, *, everything: bool, keep: Callable[[Image], bool]) -> Pruned:
    """Images without a name, or `everything` that no container was made from; Docker's lines.

    What the build cache knows of their layers stays.
    """
    from wherry.images.listing import NONE, list_images
    from wherry.images.remove import removing

    used = {record.image_id for record in store.containers.all()}
    before, lines = kept_bytes(store), []
    with removing(store) as remove:
        for row in list_images(store):
            dangling = row.repository == NONE
            if row.image.id in used or not (dangling or everything) or keep(row.image):
                continue
            tagged = row.repository if row.tag == NONE else f"{row.repository}:{row.tag}"
            with contextlib.suppress(ConflictError, NotFoundError):
                lines += remove(row.image.id if dangling or row.tag == NONE else tagged)
    return Pruned(tuple(lines), max(0, before - kept_bytes(store)))


def prune_cache(
    store: Store,
    *,
    everything: bool,
    before: float | None,
    waiting: Callable[[], None],
    keep: int = 0,
) -> Sequence[Item]:
    """Build cache that was last used before a moment (Unix seconds), until `keep` bytes are left.

    Waits for running builds, and calls `waiting` if that takes a while.
    """
    from wherry.store.prune import chosen, reclaimable, remove

    with store.alone(waiting):
        return remove(store, chosen(reclaimable(store, everything=everything), before=before, keep=keep))


def kept_bytes(store: Store) -> int:
    """What layers and blobs take, by their records: quick, and good for a difference."""
    layers = sum(layer.size for layer in store.layers.all())
    with os.scandir(store.blobs.folder) as blobs:
        return layers + sum(blob.stat(follow_symlinks=False).st_size for blob in blobs)
