"""PURE: what other builds wrote to the shared cache that a build writes."""

from __future__ import annotations

from wherry.builder.cache.document import CachedLayer, Record
from wherry.oci.manifest import Descriptor
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wherry.builder.cache.document import Document

MOST = 100
"""Layers of others that are kept, the newest: each change of a context leaves some that nobody needs."""
Written = tuple[CachedLayer, Descriptor]
"""A layer of a cache, and its blob."""


class Others:
    """Layers and records that are not this build's own."""

    def __init__(self) -> None:
        self._layers: dict[str, Written] = {}
        self._records: dict[str, Record] = {}

    def add(self, found: Document, blobs: Sequence[Descriptor]) -> None:
        """There is another one's cache, whose layers are these blobs."""
        self._layers |= {
            layer.diff_id: (layer, blob) for layer, blob in zip(found.layers, blobs, strict=True)
        }
        self._records |= {record.key: record for record in found.records}

    def beside(
        self, layers: Sequence[Written], records: Collection[Record]
    ) -> tuple[list[Written], list[Record]]:
        """A build's own with theirs; where both know a key, its own."""
        own = {layer.diff_id for layer, _ in layers}
        keys = {record.key for record in records}
        theirs = [record for record in self._records.values() if record.key not in keys]
        theirs.sort(key=lambda record: -record.created)
        kept = [d for d in dict.fromkeys(r.value for r in theirs) if d not in own][:MOST]
        known = own.union(kept)
        return (
            [*layers, *(self._layers[diff_id] for diff_id in kept)],
            [*records, *(record for record in theirs if record.value in known)],
        )
