"""PURE: what is recorded of a layer."""

from __future__ import annotations

from wherry.typed import NamedTuple


class LayerInfo(NamedTuple):
    """`size` is the sum of its files' bytes, `tar_size` that of its uncompressed tar."""

    diff_id: str
    size: int
    tar_size: int


class LayerBlob(NamedTuple):
    """A blob that holds a layer in some compression.  `size` in bytes."""

    diff_id: str
    media_type: str
    digest: str
    size: int


class LayerRecord(NamedTuple):
    """`mark` says which boot wrote the tree (`store.boot`); `packed` is the digest of our own tar of it
    where that is not the diff ID."""

    info: LayerInfo
    mark: str
    packed: str
