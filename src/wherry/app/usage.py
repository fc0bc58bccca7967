"""What the store takes on disk."""

from __future__ import annotations

from wherry.app.volumes import volumes
from wherry.containers.state import all_containers
from wherry.images.view import Image
from wherry.store.prune import reclaimable, size_on_disk
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.store import Store


class Usage(NamedTuple):
    """`kind` as Docker calls it; how many there are and how many are in use; bytes."""

    kind: str
    total: int
    active: int
    size: int
    reclaimable: int


def usage(store: Store) -> list[Usage]:
    """Images, containers, volumes and build cache.  What several images share counts once; what damaged
    ones hold is left out, and said on the way (Store.warn)."""
    return [_images(store), _containers(store), _volumes(store), _cache(store)]


def _images(store: Store) -> Usage:
    used = {record.image_id for record in store.containers.all()}
    every: set[str] = set()
    needed: set[str] = set()
    images = [Image(store, record) for record in store.images.all()]
    for image in images:
        if image.warn_of_damage():
            continue
        every.update(image.config.diff_ids)
        if image.id in used:
            needed.update(image.config.diff_ids)
    size = _layers(store, every)
    return Usage(
        kind="Images",
        total=len(images),
        active=sum(image.id in used for image in images),
        size=size,
        reclaimable=size - _layers(store, needed),
    )


def _layers(store: Store, diff_ids: Iterable[str]) -> int:
    """Their trees, and the blobs that they came as or left as."""
    size = 0
    for diff_id in diff_ids:
        info = store.layers.info(diff_id)
        size += info.size if info is not None else 0
        size += sum(blob.size for blob in store.layers.blobs(diff_id) if store.blobs.has(blob.digest))
    return size


def _containers(store: Store) -> Usage:
    sizes = [
        (size_on_disk(store.containers.dir(record.id)), record.status == "running")
        for record in all_containers(store)
    ]
    return _summed("Containers", sizes)


def _volumes(store: Store) -> Usage:
    sizes = [(size_on_disk(each.path), bool(each.containers)) for each in volumes(store)]
    return _summed("Local Volumes", sizes)


def _summed(kind: str, sizes: Sequence[tuple[int, bool]]) -> Usage:
    """Of each thing its bytes, and whether it is in use."""
    return Usage(
        kind=kind,
        total=len(sizes),
        active=sum(used for _, used in sizes),
        size=sum(size for size, _ in sizes),
        reclaimable=sum(size for size, used in sizes if not used),
    )


def _cache(store: Store) -> Usage:
    """Active is what images hold, too: removing it would give nothing back."""
    items = reclaimable(store, everything=True)
    size = sum(item.size for item in items)
    active = sum(item.kind == "layer" and not item.size for item in items)
    return Usage(kind="Build Cache", total=len(items), active=active, size=size, reclaimable=size)
