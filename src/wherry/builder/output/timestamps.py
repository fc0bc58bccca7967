"""The layers of a reproducible image: those that the build made, with the time that the image shows."""

from __future__ import annotations

import hashlib
import json
import os

from wherry.store import LayerInfo
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import Store


def dated_layer(store: Store, diff_id: str, epoch: int) -> str:
    """The diff ID of a layer whose files show `epoch` instead of when they were made; makes it if need be.

    Nothing keeps it but the images that it is in: it can be made again.
    """
    components = {"kind": "rewritten", "layer": diff_id, "epoch": epoch}
    key = hashlib.sha256(json.dumps(components, sort_keys=True).encode()).hexdigest()
    known = store.cache.get(key)
    if known is not None:
        found = str(json.loads(known.value)["rewritten"])
        if store.layers.has(found):
            return found
    made = _make(store, diff_id, epoch)
    store.cache.put(key, json.dumps({"rewritten": made}), components)
    return made


def _make(store: Store, diff_id: str, epoch: int) -> str:
    from wherry.layers.timestamps import rewritten

    store.runtime.need_layers()
    with store.temp() as temporary:
        tree = os.path.join(temporary, "tree")
        os.mkdir(tree)
        packed = rewritten(store.layers.path(diff_id), tree, epoch)
        if packed is None:
            return diff_id
        store.layers.add(tree, LayerInfo(packed.diff_id, packed.size, packed.tar_size))
    return packed.diff_id
