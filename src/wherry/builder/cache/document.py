"""PURE: a shared cache: an OCI manifest whose configuration holds records of steps, and their layers.

    {"version": 1,
     "layers": [{"diff_id", "size", "tar_size"}],
     "records": [{"key", "value", "components", "created"}]}

`layers` are in the order of the manifest's; a record's `value` is the diff ID of one of them.
"""

from __future__ import annotations

import json

from wherry.errors import CorruptError, UnsupportedError
from wherry.oci.config import load_object
from wherry.oci.digest import is_digest
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

CONFIG = "application/vnd.wherry.cache.config.v1+json"
BUILDKIT = "application/vnd.buildkit.cacheconfig.v0"
VERSION = 1
LARGEST = 1 << 23
"""Bytes of a document: what does not fit of the oldest records is left out."""
MOST_LAYERS = 10_000
_KEY = pattern(r"[0-9a-f]{64}\Z")


class CachedLayer(NamedTuple):
    """As LayerInfo; sizes in bytes."""

    diff_id: str
    size: int
    tar_size: int


class Record(NamedTuple):
    """What a step's key led to, and when (Unix seconds)."""

    key: str
    value: str
    components: dict[str, Any]
    created: float


class Document(NamedTuple):
    layers: tuple[CachedLayer, ...]
    records: tuple[Record, ...]


def write(layers: Iterable[CachedLayer], records: Iterable[Record]) -> bytes:
    """The newest records first, as many as fit."""
    head = json.dumps({"version": VERSION, "layers": [layer._asdict() for layer in layers]})
    room = LARGEST - len(head)
    kept = []
    for record in sorted(records, key=lambda r: (-r.created, r.key)):
        text = json.dumps(record._asdict(), separators=(",", ":"))
        room -= len(text) + 1
        if room < 0:
            break
        kept.append(text)
    return f'{head[:-1]}, "records": [{",".join(kept)}]}}'.encode()


def parse(data: bytes, name: str) -> Document:
    """Raises CorruptError; UnsupportedError for one of a later wherry."""
    value = load_object(data, name)
    if value.get("version") != VERSION:
        raise UnsupportedError(
            f"{name} is a cache of version {value.get('version')!r}, this wherry reads {VERSION}"
        )
    layers, records = value.get("layers"), value.get("records")
    if not isinstance(layers, list) or not isinstance(records, list) or len(layers) > MOST_LAYERS:
        raise CorruptError(f"{name}: layers and records are lists")
    found = tuple(layer_of(layer, f"{name}: layers[{i}]") for i, layer in enumerate(layers))
    known = {layer.diff_id for layer in found}
    return Document(found, tuple(_record(r, known, f"{name}: records[{i}]") for i, r in enumerate(records)))


def layer_of(value: object, name: str) -> CachedLayer:
    """Raises CorruptError."""
    if not isinstance(value, dict):
        raise CorruptError(f"{name} is not a JSON object")
    diff_id, size, tar_size = (value.get(key) for key in CachedLayer._fields)
    if not isinstance(diff_id, str) or not is_digest(diff_id):
        raise CorruptError(f"{name}: {diff_id!r} is not a diff ID")
    if not isinstance(size, int) or not isinstance(tar_size, int):
        raise CorruptError(f"{name}: its sizes are not numbers")
    if not 0 <= size < 1 << 60 or not 0 <= tar_size < 1 << 60:
        raise CorruptError(f"{name}: its sizes are out of range")
    return CachedLayer(diff_id, size, tar_size)


def _record(value: object, layers: set[str], name: str) -> Record:
    if not isinstance(value, dict):
        raise CorruptError(f"{name} is not a JSON object")
    key, layer, components, created = (value.get(field) for field in Record._fields)
    if not isinstance(layer, str) or layer not in layers:
        raise CorruptError(f"{name}: {layer!r} is none of its layers")
    if not isinstance(components, dict) or not isinstance(created, (int, float)) or not 0 <= created < 1e11:
        raise CorruptError(f"{name} is not what a step's key led to")
    return Record(key_of(key, name), layer, components, float(created))


def key_of(value: object, name: str) -> str:
    """Raises CorruptError."""
    if not isinstance(value, str) or not _KEY.match(value):
        raise CorruptError(f"{name}: {value!r} is not a key")
    return value
