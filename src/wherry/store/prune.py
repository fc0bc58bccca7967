"""Giving back what the build cache takes, the least recently used first; nothing that is in use goes."""

from __future__ import annotations

import contextlib
import os

from wherry.layers.remove import remove_tree
from wherry.store.collect import collect, referred_by_images
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.store.store import Store

BLOCK = 512  # stat(2), st_blocks
ATTEMPTS = 3


class Item(NamedTuple):
    """Something that can go.

    `kind` is "layer", "mount", "download", "index" or "listing"; `size` is what the disk gets back (bytes);
    `used` in Unix seconds; `keys` are the cache records that lead to a layer.
    """

    id: str
    kind: str
    size: int
    used: float
    keys: tuple[str, ...] = ()
    path: str = ""


def reclaimable(store: Store, *, everything: bool) -> list[Item]:
    """What prune() may remove, the least recently used first.

    With `everything` also what only makes the next build quicker to begin: records of layers that images
    hold, indexes of contexts, what `wherry explain` compares.
    """
    found = [*_layers(store, everything=everything), *_mounts(store)]
    found += _files(os.path.join(store.root, "downloads"), "download")
    if everything:
        for folder, kind in (("contexts", "index"), ("listings", "listing"), ("builds", "listing")):
            found += _files(os.path.join(store.root, folder), kind)
    return sorted(found, key=lambda item: item.used)


def chosen(items: Sequence[Item], *, before: float | None, keep: int) -> list[Item]:
    """Those that were last used before a moment, and only until no more than `keep` bytes are left."""
    left = sum(item.size for item in items)
    found = []
    for item in items:
        if (before is not None and item.used >= before) or (keep and left <= keep):
            continue
        left -= item.size
        found.append(item)
    return found


def remove(store: Store, items: Sequence[Item]) -> list[Item]:
    """Remove them; those that are gone.  To be called with the store held alone.

    After a kill in the middle the store works: what is half removed has no record any more.
    """
    gone = []
    for item in items:
        if item.kind == "layer":
            for key in item.keys:
                store.cache.forget(key)
        elif item.kind == "mount":
            if not store.cache_mounts.remove(item.path):
                continue
        else:
            remove_tree(item.path)
        gone.append(item)
    collect(store)
    store.database.shrink()
    return gone


def size_on_disk(path: str) -> int:
    """As disk_size(); 0 for what is not there, or changes too fast to be looked through."""
    for _ in range(ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            return disk_size(path)
    return 0


def disk_size(path: str) -> int:
    """The bytes on the disk that belong to it: blocks.  What has several names is shared among them, in
    whatever layers they are."""
    status = os.lstat(path)
    total = status.st_blocks * BLOCK
    if not os.path.isdir(path) or os.path.islink(path):
        return total
    stack = [path]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                each = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                    total += each.st_blocks * BLOCK
                else:
                    total += each.st_blocks * BLOCK // each.st_nlink
    return total


def _layers(store: Store, *, everything: bool) -> Iterator[Item]:
    referred = referred_by_images(store)
    if referred.doubts:
        return  # collect() says why
    held = referred.layers
    keys: dict[str, list[str]] = {}
    used: dict[str, float] = {}
    for key, record, _ in store.cache.components():
        keys.setdefault(record.value, []).append(key)
        used[record.value] = max(used.get(record.value, 0.0), record.used)
    for layer in store.layers.all():
        name = layer.diff_id
        if name in held:
            if everything and name in keys:
                yield Item(name, "layer", 0, used[name], tuple(keys[name]))
            continue
        size = disk_size(store.layers.path(name)) if os.path.isdir(store.layers.path(name)) else 0
        blobs = [blob.digest for blob in store.layers.blobs(name)]
        size += sum(disk_size(store.blobs.path(blob)) for blob in blobs if store.blobs.has(blob))
        yield Item(name, "layer", size, used.get(name, 0.0), tuple(keys.get(name, ())))


def _mounts(store: Store) -> Iterator[Item]:
    for mount in store.cache_mounts.all():
        if not mount.busy:
            yield Item(mount.id, "mount", disk_size(mount.path), mount.used, path=mount.path)


def _files(folder: str, kind: str) -> Iterator[Item]:
    if not os.path.isdir(folder):
        return
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        yield Item(entry.name, kind, status.st_blocks * BLOCK, status.st_mtime, path=entry.path)
