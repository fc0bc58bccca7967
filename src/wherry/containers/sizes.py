"""What a container's files take, as ``docker inspect --size`` counts: bytes of files, hard links once."""

from __future__ import annotations

import os

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.store import ContainerRecord, Store


class Sizes(NamedTuple):
    """`written` is what the container wrote, `total` that and its image's layers, in bytes."""

    written: int
    total: int


def container_sizes(store: Store, record: ContainerRecord) -> Sizes:
    """The size of a container that may run meanwhile: what changes while it is counted counts or does not.

    Where the file system is a copy of the image's, not layers, `written` is by how much it has grown.
    """
    folder = store.containers.dir(record.id)
    layers = [store.layers.info(layer) for layer in record.config.layers]
    image = sum(layer.size for layer in layers if layer is not None)
    upper = os.path.join(folder, "upper")
    if os.path.isdir(upper):
        written = _bytes(upper)
        return Sizes(written, written + image)
    total = _bytes(os.path.join(folder, "root"))
    return Sizes(max(0, total - image), total)


def _bytes(top: str) -> int:
    seen: set[int] = set()
    total = 0
    for folder, _, files in os.walk(top):  # what vanishes meanwhile is passed over
        for name in files:
            try:
                status = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:
                continue
            if status.st_ino not in seen:
                total += status.st_size
            if status.st_nlink > 1:
                seen.add(status.st_ino)
    return total
