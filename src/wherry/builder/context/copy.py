"""The build context as a mount of a reproducible build shows it: without its times and its owners.

A step could carry either into the image (``cp -a``), or decide by a time what to make again.
"""

from __future__ import annotations

import os

from wherry.builder.context.sources import ContextSource, literal
from wherry.layers.copying import copy_node, finish
from wherry.layers.entry import NEW
from wherry.layers.tree import entry_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.context.folder import Context, Found

OWNER = (0, 0)


def copy_context(context: Context, path: str, target: str) -> str:
    """Copy what `path` names in the context into `target`, an empty folder; the place that it has there.

    Raises ContextError where there is no such file.
    """
    source = ContextSource(context)
    top = source.find(literal(path))[0]
    os.makedirs(os.path.dirname(f"{target}/{top.name}"), exist_ok=True)
    folders: list[Found] = []
    for file in [top, *(source.below(top) if top.is_folder else ())]:
        if file.is_folder:
            folders.append(file)
        if file.name:
            copy_node(file.path, f"{target}/{file.name}", owner=OWNER, mtime=NEW, xattrs=False)
    for folder in reversed(folders):  # filling them changed their times
        entry = entry_of(b"", os.fsencode(folder.path), folder.status, {})
        assert entry is not None  # noqa: S101
        owned = entry._replace(uid=OWNER[0], gid=OWNER[1], xattrs=())
        finish(f"{target}/{folder.name}", owned, folder.path, mtime=NEW)
    return f"{target}/{top.name}".rstrip("/")
