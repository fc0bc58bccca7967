"""What the store takes on disk."""

from __future__ import annotations

from collections import Counter

from wherry.app.volumes import volumes
from wherry.containers.state import all_containers
from wherry.images.view import Image
from wherry.store.prune import reclaimable, size_on_disk
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wherry.app.volumes import Volume
    from wherry.images.listing import Listed
    from wherry.store import ContainerRecord, Store
    from wherry.store.prune import Item


class Usage(NamedTuple):
    """`kind` as Docker calls it; how many there are and how many are in use; bytes."""

    kind: str
    total: int
    active: int
    size: int
    reclaimable: int


class ImageUsage(NamedTuple):
    """Bytes: `shared` of layers that other images have, too, `unique` of the others; `containers` is the
    number of those that were made from it."""

    row: Listed
    size: int
    shared: int
    unique: int
    containers: int


class ContainerUsage(NamedTuple):
    """`size` in bytes on disk, with its log and its unnamed volumes; `volumes` are how many named ones it
    mounts."""

    record: ContainerRecord
    size: int
    volumes: int


class VolumeUsage(NamedTuple):
    volume: Volume
    size: int


class Details(NamedTuple):
    """What usage() counts, one by one."""

    images: tuple[ImageUsage, ...]
    containers: tuple[ContainerUsage, ...]
    volumes: tuple[VolumeUsage, ...]
    cache: tuple[Item, ...]


def details(store: Store) -> Details:
    """Images that are damaged are left out, and said on the way (Store.warn)."""
    records = all_containers(store)
    return Details(
        tuple(_each_image(store, Counter(record.image_id for record in records))),
        tuple(
            ContainerUsage(record, size_on_disk(store.containers.dir(record.id)), _named_volumes(record))
            for record in records
        ),
        tuple(VolumeUsage(each, size_on_disk(each.path)) for each in volumes(store)),
        tuple(reclaimable(store, everything=True)),
    )


def _named_volumes(record: ContainerRecord) -> int:
    return sum(bool(each.source) and not each.source.startswith("/") for each in record.config.volumes)


def _each_image(store: Store, made: Mapping[str, int]) -> Iterator[ImageUsage]:
    from wherry.images.listing import list_images

    rows = [row for row in list_images(store) if not row.image.warn_of_damage()]
    images = {row.image.id: row.image for row in rows}
    holders = Counter(layer for image in images.values() for layer in set(image.config.diff_ids))
    for row in rows:
        size = shared = 0
        for layer in row.image.config.diff_ids:
            info = store.layers.info(layer)
            size += info.size if info is not None else 0
            shared += info.size if info is not None and holders[layer] > 1 else 0
        yield ImageUsage(row, size, shared, size - shared, made.get(row.image.id, 0))


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
