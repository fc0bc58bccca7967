"""What a build asks of shared caches; and none, which most builds have and start without the code of."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.builder.cache.document import CachedLayer, Record
    from wherry.oci.manifest import Descriptor
    from wherry.store import LayerInfo
    from wherry.store.cache import CacheRecord

INLINE = "wherry.cache.v1"
"""The member of an image's configuration that is a cache (see inline)."""
OF_BASES = (INLINE, "moby.buildkit.cache.v0")
"""Such members, wherry's and BuildKit's: an image that is built upon another does not inherit them."""


class SharedCaches(Protocol):
    """What a build asks of shared caches."""

    def get(self, key: str) -> tuple[CacheRecord, LayerInfo, str] | None:
        """What a key led to elsewhere: the record, its layer, and which cache says so."""

    def is_here(self, diff_ids: Iterable[str]) -> bool:
        """Whether these layers need not be fetched."""

    def need(self, diff_ids: Iterable[str]) -> None:
        """Have these layers in the store.  Raises RegistryError, CorruptError, HostileArchiveError."""

    def elsewhere(self, diff_id: str) -> tuple[CachedLayer, Descriptor] | None:
        """A layer that was not needed, and its blob."""

    def records_of(self, diff_id: str) -> list[Record]:
        """What led to a layer elsewhere."""

    def diff_ids(self) -> list[str]:
        """All layers that are known there, where it has been asked."""


class Nothing:
    def get(self, key: str) -> None:
        return None

    def is_here(self, diff_ids: Iterable[str]) -> bool:
        return True

    def need(self, diff_ids: Iterable[str]) -> None: ...

    def elsewhere(self, diff_id: str) -> None:
        return None

    def records_of(self, diff_id: str) -> list[Record]:
        return []

    def diff_ids(self) -> list[str]:
        return []


class Together:
    """Those of several builds, as for one image of several platforms."""

    def __init__(self, parts: Sequence[SharedCaches]) -> None:
        self._parts = parts

    def get(self, key: str) -> tuple[CacheRecord, LayerInfo, str] | None:
        return next(filter(None, (part.get(key) for part in self._parts)), None)

    def is_here(self, diff_ids: Iterable[str]) -> bool:
        wanted = list(diff_ids)
        return all(part.is_here(wanted) for part in self._parts)

    def need(self, diff_ids: Iterable[str]) -> None:
        wanted = list(diff_ids)
        for part in self._parts:
            part.need(wanted)

    def elsewhere(self, diff_id: str) -> tuple[CachedLayer, Descriptor] | None:
        return next(filter(None, (part.elsewhere(diff_id) for part in self._parts)), None)

    def records_of(self, diff_id: str) -> list[Record]:
        return [record for part in self._parts for record in part.records_of(diff_id)]

    def diff_ids(self) -> list[str]:
        return [diff_id for part in self._parts for diff_id in part.diff_ids()]
