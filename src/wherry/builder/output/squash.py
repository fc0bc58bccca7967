"""--squash: everything that a build adds to its base as one layer."""

from __future__ import annotations

import hashlib
import json
import os

from wherry.images.view import Image
from wherry.oci.config import History
from wherry.oci.times import rfc3339
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.plan.values import StageResult
    from wherry.store import Store


def squashed(store: Store, result: StageResult) -> StageResult:
    """The base's layers and one more; its lines of history stay, and one says what was merged."""
    record = store.images.get(result.origin) if result.origin else None
    base = Image(store, record).config if record is not None else None
    kept = base.diff_ids if base is not None else ()
    lines = len(base.history) if base is not None else 0
    own = result.diff_ids[len(kept) :]
    if len(own) < 2:
        return result
    layer, created = _layer(store, own)
    history = [
        *result.history[:lines],
        *(line._replace(empty_layer=True) for line in result.history[lines:]),
        History(
            created=rfc3339(created), comment=f"merge {len(own)} layers above {result.origin or 'scratch'}"
        ),
    ]
    return result._replace(diff_ids=(*kept, layer), history=tuple(history))


def _layer(store: Store, own: tuple[str, ...]) -> tuple[str, float]:
    """The diff ID of the merged layer, and when it was made first."""
    components = {"kind": "squash", "layers": list(own)}
    key = hashlib.sha256(json.dumps(components).encode()).hexdigest()
    known = store.cache.get(key)
    if known is not None and store.layers.has(known.value):
        return known.value, known.created
    from wherry.layers.squash import squash

    store.runtime.need_layers()
    with store.temp() as temporary:
        tree = os.path.join(temporary, "tree")
        os.mkdir(tree)
        squash([store.layers.path(diff_id) for diff_id in own], tree)
        layer = store.layers.commit(tree)
    store.cache.put(key, layer, components)
    record = store.cache.get(key)
    assert record is not None  # noqa: S101
    return layer, record.created
