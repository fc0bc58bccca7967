"""Unpacked layers: ``layers/<hex>/``, each a tree in overlay form under any parent.

``l/<short>`` links to each of them: overlay takes all its lower directories in one page of mount options,
which 127 full names would overflow.
"""

from __future__ import annotations

import contextlib
import os
import time

from wherry.layers.remove import remove_tree
from wherry.store.temporary import delete, discard, move_away
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.store.database import Database


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


class Layers:
    def __init__(self, root: str, temporary: str, database: Database) -> None:
        self._temporary = temporary
        self.folder = os.path.join(root, "layers")
        self._links = os.path.join(root, "l")
        self._database = database

    def path(self, diff_id: str) -> str:
        """The tree of a layer, whether it exists or not."""
        return os.path.join(self.folder, diff_id.removeprefix("sha256:"))

    def link(self, diff_id: str) -> str:
        """The short name of a layer, for mount options: a symlink to its tree."""
        return os.path.join(self._links, diff_id.removeprefix("sha256:")[:16])

    def has(self, diff_id: str) -> bool:
        return self.info(diff_id) is not None

    def info(self, diff_id: str) -> LayerInfo | None:
        rows = self._database.execute("SELECT size, tar_size FROM layers WHERE diff_id=?", diff_id)
        return LayerInfo(diff_id, *rows[0]) if rows else None  # type: ignore[arg-type]

    def all(self) -> list[LayerInfo]:
        return [
            LayerInfo(*row)  # type: ignore[arg-type]
            for row in self._database.execute("SELECT diff_id, size, tar_size FROM layers")
        ]

    def add(self, tree: str, info: LayerInfo) -> None:
        """Take a finished tree over; its old name is gone afterwards.  Is atomic and idempotent.

        A tree that is there without a record is what a kill left of an add or a removal: it is never taken
        for the layer, but moved away.  Of several that add one layer at once the first one's tree is kept.
        """
        path = self.path(info.diff_id)
        with self._database.transaction():
            fresh = not self.has(info.diff_id)
            if fresh:
                stale = move_away(path, self._temporary)
                os.rename(tree, path)
                self._make_link(info.diff_id)
                self._database.execute("INSERT INTO layers VALUES (?,?,?,?)", *info, time.time())
        if fresh:
            delete(stale)
        else:
            remove_tree(tree)

    def _make_link(self, diff_id: str) -> None:
        target = os.path.join("..", "layers", diff_id.removeprefix("sha256:"))
        try:
            os.symlink(target, self.link(diff_id))
        except FileExistsError:
            pass

    def blobs(self, diff_id: str) -> list[LayerBlob]:
        return [
            LayerBlob(*row)  # type: ignore[arg-type]
            for row in self._database.execute("SELECT * FROM layer_blobs WHERE diff_id=?", diff_id)
        ]

    def add_blob(self, blob: LayerBlob) -> None:
        self._database.execute("INSERT OR REPLACE INTO layer_blobs VALUES (?,?,?,?)", *blob)

    def remove(self, diff_id: str) -> None:
        """Forget a layer and remove its tree.  The record goes first: half a tree is never a layer."""
        with self._database.transaction():
            self._database.execute("DELETE FROM layer_blobs WHERE diff_id=?", diff_id)
            self._database.execute("DELETE FROM layers WHERE diff_id=?", diff_id)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.link(diff_id))
        discard(self.path(diff_id), self._temporary)
