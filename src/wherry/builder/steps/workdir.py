"""WORKDIR: the layer with its folder, where the image lacks that."""

from __future__ import annotations

import posixpath

from wherry.builder.plan import keys
from wherry.builder.plan.state import moved
from wherry.builder.steps.owners import owner_of
from wherry.dockerfile.lines import fail
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.plan.keys import Key
    from wherry.builder.steps.stage import Stage
    from wherry.dockerfile.ast import Workdir
    from wherry.layers.view import View

ROOT = ("/", "//")


def is_root(stage: Stage, workdir: Workdir) -> bool:
    """Whether it is the root, which every image has: it only configures then, as in BuildKit."""
    path = stage.expand(workdir.path, workdir.location)
    return posixpath.normpath(moved(stage.state.workdir, path)) in ROOT


def workdir_step(stage: Stage, workdir: Workdir) -> bool:
    """A layer of its own, which is empty where the image has the folder.  Whether it was cached."""
    path = stage.expand(workdir.path, workdir.location)
    created_by = stage.state.apply(workdir._replace(path=path))
    path = posixpath.normpath(stage.state.workdir)
    unseen = _unseen_key(stage, path)
    if unseen is not None and not stage.is_here():
        record = stage.cache.get(unseen)
        if record is not None:
            stage.add(record, created_by)
            return True
    view = stage.view()
    node = view.find(path)
    in_the_way = _no_folder(view, path)
    if in_the_way:
        raise fail(workdir.location, f"{in_the_way} is not a directory")
    owner = (0, 0) if node is not None else owner_of(stage.state.user, view)

    def make() -> str:
        if node is not None:
            from wherry.layers.pack import Known

            return stage.worker().tree(lambda tree: Known(), view)
        return stage.worker().folder(view.resolve(path), view, owner)

    key = keys.workdir_key(stage.chain, path, owner)
    cached = stage.layer(key, created_by, make)
    if unseen is not None:
        stage.cache.alias(unseen, key, stage.diff_ids[-1])
    return cached


def _no_folder(view: View, path: str) -> str:
    """The path, or one above it, that is something else than a folder; "" where there is none."""
    parts = path.strip("/").split("/")
    for count in range(1, len(parts) + 1):
        above = "/" + "/".join(parts[:count])
        node = view.find(above)
        if node is not None and not node.is_folder:
            return above
    return ""


def _unseen_key(stage: Stage, path: str) -> Key | None:
    """What the step is without a look at what lies below it; None where nobody asks for that."""
    options = stage.options
    if not (options.shares or options.cache_from):
        return None
    return keys.unseen_workdir_key(stage.chain, path, stage.state.user)
