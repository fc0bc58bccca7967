"""PURE: a cache inside an image (type=inline): its configuration says which keys led to its own layers.

    {"wherry.cache.v1": {"layers": [{"layer", "size", "tar_size", "keys"}]}}

`layer` counts from the image's first; sizes are in bytes, as LayerInfo's.  Docker and the registries carry
the member along; an image that is built upon such an image does not inherit it.
"""

from __future__ import annotations

from wherry.builder.cache.document import MOST_LAYERS, CachedLayer, Document, Record, key_of, layer_of
from wherry.builder.cache.shared import INLINE
from wherry.errors import CorruptError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from wherry.oci.config import ImageConfig

MOST_KEYS = 1000
"""Of a layer."""


def write(
    diff_ids: Sequence[str], layers: Iterable[CachedLayer], records: Iterable[Record]
) -> dict[str, Any]:
    """The member's value, for an image of these layers; `layers` are those of them that steps made."""
    keys: dict[str, list[str]] = {}
    for record in records:
        keys.setdefault(record.value, []).append(record.key)
    return {
        "layers": [
            {
                "layer": diff_ids.index(layer.diff_id),
                "size": layer.size,
                "tar_size": layer.tar_size,
                "keys": sorted(keys[layer.diff_id])[:MOST_KEYS],
            }
            for layer in layers
            if layer.diff_id in keys
        ]
    }


def parse(config: ImageConfig, name: str, now: float) -> Document | None:
    """The records in an image's configuration, as old as the image (else from `now`); None for none.

    Raises CorruptError.
    """
    value = config.extra.get(INLINE)
    if value is None:
        return None
    listed = value.get("layers") if isinstance(value, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_LAYERS:
        raise CorruptError(f"{name}: {INLINE} has no list of layers")
    created = _created(config.created, now)
    layers, records = [], []
    for number, member in enumerate(listed):
        where = f"{name}: {INLINE}: layers[{number}]"
        layer, keys = _layer(member, config.diff_ids, where)
        layers.append(layer)
        records += [Record(key_of(key, where), layer.diff_id, {}, created) for key in keys]
    return Document(tuple(layers), tuple(records))


def _layer(member: object, diff_ids: Sequence[str], where: str) -> tuple[CachedLayer, list[object]]:
    if not isinstance(member, dict):
        raise CorruptError(f"{where} is not a JSON object")
    number, keys = member.get("layer"), member.get("keys")
    if not isinstance(number, int) or not 0 <= number < len(diff_ids):
        raise CorruptError(f"{where}: {number!r} is none of the image's layers")
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise CorruptError(f"{where}: its keys are not a list of at most {MOST_KEYS}")
    return layer_of({**member, "diff_id": diff_ids[number]}, where), keys


def _created(text: str, now: float) -> float:
    """Unix seconds of an image's time; `now` where it says none."""
    import datetime

    try:
        return max(0.0, datetime.datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return now
