"""The folders of RUN --mount=type=cache: list, export, import, remove."""

from __future__ import annotations

import os

from wherry.errors import ConflictError, NotFoundError, nearest
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from wherry.layers.tarread import Reader
    from wherry.store import Store
    from wherry.store.caches import CacheMount


def caches(store: Store) -> list[CacheMount]:
    return store.cache_mounts.all()


def cache(store: Store, name: str) -> CacheMount:
    """The shared one of that name, else a build's own.  Raises NotFoundError."""
    mounts = caches(store)
    found = [mount for mount in mounts if mount.id == name]
    if not found:
        near = nearest(name, [mount.id for mount in mounts])
        raise NotFoundError(
            f"No such cache mount: {name}", hint=f"did you mean {near}?" if near else "see wherry cache ls"
        )
    shared = store.cache_mounts.path(name)
    return next((mount for mount in found if mount.path == shared), found[0])


def export_cache(store: Store, name: str, out: IO[bytes]) -> None:
    """Write it as a tar.  Raises NotFoundError before the first byte."""
    from wherry.layers.pack import pack

    mount = cache(store, name)
    with store.cache_mounts.use(name, "shared"):
        pack(mount.path, out.write)


def import_cache(store: Store, name: str, source: Reader, shown: str = "the archive") -> None:
    """Let a tar, compressed or not, be the whole of it; `shown` is what errors call the tar.

    Is atomic: the folder is the new one or the old one.  Raises CorruptError, HostileArchiveError.
    """
    from wherry import linux
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack

    with store.using(), store.temp() as temporary:
        fresh = os.path.join(temporary, "cache")
        os.mkdir(fresh, 0o755)
        unpack(decompressed(source), fresh, name=shown, markers=False)
        with store.cache_mounts.use(name, "locked") as path:
            try:
                linux.exchange(fresh, path)
            except FileNotFoundError:
                os.rename(fresh, path)


def remove_cache(store: Store, name: str) -> None:
    """Raises NotFoundError, and ConflictError where a build uses it."""
    if not store.cache_mounts.remove(cache(store, name).path):
        raise ConflictError(f"cache mount {name} is in use", hint="wait for the build that uses it")
