"""What a build asks of shared caches; and none, which most builds have and start without the code of."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

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
