"""A file system's tar as an image of one layer."""

from __future__ import annotations

import os
import time

from wherry.images.write import create_image
from wherry.layers.compress import decompressed
from wherry.layers.tree import ROOT_MODE
from wherry.layers.unpack import unpack
from wherry.oci.config import History, ImageConfig
from wherry.oci.platform import of_machine
from wherry.oci.times import rfc3339
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.layers.tarread import Reader
    from wherry.store import ImageRecord, Store


def import_tar(
    store: Store,
    stream: Reader,
    config: dict[str, Any],
    comment: str,
    *,
    created_by: str = "",
    finish: Callable[[str], None] | None = None,
) -> ImageRecord:
    """Make an image of a tar, compressed or not.

    `created_by` is its line of history; `finish` may change the tree before it is a layer.
    Raises CorruptError, HostileArchiveError.
    """
    with store.temp() as temporary:
        tree = os.path.join(temporary, "tree")
        os.mkdir(tree)
        os.chmod(tree, ROOT_MODE)
        unpack(decompressed(stream), tree, markers=False)
        if finish is not None:
            finish(tree)
        layer = store.layers.commit(tree)
    now = rfc3339(time.time())
    platform = of_machine(os.uname().machine)
    return create_image(
        store,
        ImageConfig(
            platform.architecture,
            platform.os,
            config,
            (layer,),
            (History(now, created_by, comment),),
            created=now,
            variant=platform.variant,
        ),
    )
