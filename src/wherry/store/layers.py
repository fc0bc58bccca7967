"""Unpacked layers: ``layers/<hex>/``, each a tree in overlay form under any parent.

``l/<short>`` links to each of them: overlay takes all its lower directories in one page of mount options,
which 127 full names would overflow.

A record alone is not a layer: whoever uses one asks for it by whole(), which looks whether the tree is
there, verifies it where a power cut may have hurt it, and unpacks it again where it is lost and a blob was
kept.
"""

from __future__ import annotations

import contextlib
import os
import time
from errno import EACCES

from wherry.errors import StorageError
from wherry.layers.remove import remove_tree
from wherry.store.boot import DOUBT, came_from_disk, present_mark, tree_mark
from wherry.store.layerrecord import LayerBlob, LayerInfo, LayerRecord
from wherry.store.locks import held
from wherry.store.temporary import delete, discard, move_away, put_in_place, temporary_folder
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.helper import Helper
    from wherry.layers.pack import Known, Packed
    from wherry.store.blobs import Blobs
    from wherry.store.database import Database
    from wherry.store.verify import Verdict


class Layers:
    def __init__(self, root: str, temporary: str, database: Database, blobs: Blobs) -> None:
        self.folder = os.path.join(root, "layers")
        self._root = root
        self._links = os.path.join(root, "l")
        self._database = database
        self._blobs = blobs
        self._temporary = temporary
        self._present = ""

    def path(self, diff_id: str) -> str:
        """The tree of a layer, whether it exists or not."""
        return os.path.join(self.folder, diff_id.removeprefix("sha256:"))

    def link(self, diff_id: str) -> str:
        """The short name of a layer, for mount options: a symlink to its tree."""
        return f"{self._links}/{diff_id.removeprefix('sha256:')[:16]}"

    def has(self, diff_id: str) -> bool:
        """Whether it can be used, as whole() says."""
        return self.whole(diff_id) is not None

    def info(self, diff_id: str) -> LayerInfo | None:
        """What is recorded of a layer, whatever became of its tree."""
        record = self.record(diff_id)
        return record.info if record is not None else None

    def record(self, diff_id: str) -> LayerRecord | None:
        rows = self._database.execute(
            "SELECT size, tar_size, mark, packed FROM layers WHERE diff_id=?", diff_id
        )
        for size, tar_size, mark, packed in rows:
            return LayerRecord(LayerInfo(diff_id, size, tar_size), mark, packed)  # type: ignore[arg-type]
        return None

    def whole(self, diff_id: str) -> LayerInfo | None:
        """A layer whose tree and link are there and right, or None.

        Costs a row and two looks at the disk, but for once after a boot, when the tree is verified.  A tree
        that is lost or wrong is unpacked again where a blob was kept.  Is atomic; any number may call it.
        Raises PermissionError for a plain user outside of the user namespace who would have to verify it.
        """
        record = self.record(diff_id)
        if record is None:
            return None
        if not self._is_trusted(record) or not self._is_there(diff_id):
            record = self._mended(diff_id)
        return record.info if record is not None else None

    def doubt(self, diff_id: str) -> None:
        """Somebody found the tree wrong: the next whole() verifies it."""
        self._database.execute("UPDATE layers SET mark=? WHERE diff_id=?", DOUBT, diff_id)

    def linked(self, diff_id: str) -> bool:
        """Whether the short link of a layer leads to its tree."""
        try:
            return os.readlink(self.link(diff_id)) == _target(diff_id)
        except OSError:
            return False

    @property
    def present(self) -> str:
        """The mark of what is written now."""
        if not self._present:
            self._present = present_mark(self._root)
        return self._present

    def _is_trusted(self, record: LayerRecord) -> bool:
        if record.mark == self.present:
            return record.mark != DOUBT
        return record.mark == tree_mark(self.path(record.info.diff_id))

    def _is_there(self, diff_id: str) -> bool:
        """Whether the tree is there, and its link, which is made again where only that is missing."""
        if self.linked(diff_id):
            return os.path.isdir(self.link(diff_id))
        if not os.path.isdir(self.path(diff_id)):
            return False
        self.make_link(diff_id)
        return True

    def _mended(self, diff_id: str) -> LayerRecord | None:
        """Verify a layer, and mend it where that can be done; one process does it, others wait."""
        from wherry.store.temporary import hold

        if os.geteuid() != 0:
            # Owners look otherwise from out here, and what others own may not be read.
            raise PermissionError(EACCES, "the layer must be verified first", self.path(diff_id))
        with hold(
            os.path.join(self._temporary, f"verify-{diff_id[7:]}.lock"), lambda first: time.sleep(0.01)
        ):
            record = self.record(diff_id)
            if record is None or (self._is_trusted(record) and self._is_there(diff_id)):
                return record
            return record if self.verify(record).whole else None

    def verify(self, record: LayerRecord) -> Verdict:
        """Compare a tree with its diff ID; a wrong one is replaced where a blob gives it again.

        Where nothing can be written a right one is right all the same, and will be verified again.
        """
        from wherry.store.temporary import scratch_folder
        from wherry.store.verify import verify

        diff_id = record.info.diff_id
        with scratch_folder(self._temporary) as temporary:
            known = self.blobs(diff_id)
            verdict = verify(self.path(diff_id), diff_id, record.packed, self._blobs, known, temporary)
            if verdict.again:
                delete(self._replace(verdict.again, diff_id))
                verdict = verdict._replace(whole=True)
        if verdict.whole:
            durable = not verdict.again and came_from_disk(record.mark, self.present)
            mark = tree_mark(self.path(diff_id)) if durable else self.present
            self.make_link(diff_id)
            with contextlib.suppress(StorageError):
                self._database.execute(
                    "UPDATE layers SET mark=?, packed=? WHERE diff_id=?", mark, verdict.packed, diff_id
                )
        return verdict

    def _replace(self, tree: str, diff_id: str) -> str:
        """Put a right tree into the place of a wrong one or none; that one's new name, to be deleted."""
        path = self.path(diff_id)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        stale = move_away(path, self._temporary)
        os.rename(tree, path)
        return stale

    def all(self) -> list[LayerInfo]:
        return [
            LayerInfo(*row)  # type: ignore[arg-type]
            for row in self._database.execute("SELECT diff_id, size, tar_size FROM layers")
        ]

    def add(self, tree: str, info: LayerInfo) -> None:
        """Take a finished tree over; its old name is gone afterwards.  Is atomic and idempotent.

        A layer that is there and trusted stays, so of several that add one at once the first one's tree is
        kept; any other tree of its name gives way.  A kill in the middle leaves a tree without a record,
        which is no layer.
        """
        with self._database.transaction():
            record = self.record(info.diff_id)
            kept = record is not None and self._is_trusted(record) and self._is_there(info.diff_id)
            if not kept:
                stale = self._replace(tree, info.diff_id)
                self.make_link(info.diff_id)
                self._record(info)
        if kept:
            remove_tree(tree)
        else:
            delete(stale)

    def commit(self, tree: str, helper: Helper | None = None, known: Known | None = None) -> str:
        """Hash a finished tree, where what it is is not `known`, and add() it.  Its diff ID.

        Raises StepError for what no layer can hold."""
        packed = known.packed if known is not None else None
        if packed is None:
            packed = self._pack(tree, helper, alone=known is not None and known.alone)
        self.add(tree, LayerInfo(packed.diff_id, packed.size, packed.tar_size))
        return packed.diff_id

    def _pack(self, tree: str, helper: Helper | None, *, alone: bool) -> Packed:
        from wherry.helper import Helper
        from wherry.layers.pack import pack

        if helper is not None:
            return pack(tree, helper=helper, alone=alone)
        with Helper(held()) as own:
            return pack(tree, helper=own, alone=alone)

    def record_found(self, info: LayerInfo) -> None:
        """Record a tree that is in its place and was just found right."""
        self.make_link(info.diff_id)
        self._record(info)

    def with_blobs(self) -> list[str]:
        """The layers of which a blob is recorded, whether they are there or not."""
        rows = self._database.execute("SELECT DISTINCT diff_id FROM layer_blobs ORDER BY diff_id")
        return [str(row[0]) for row in rows]

    def _record(self, info: LayerInfo) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO layers (diff_id, size, tar_size, added, mark) VALUES (?,?,?,?,?)",
            *info,
            time.time(),
            self.present,
        )

    def make_link(self, diff_id: str) -> None:
        """Let the short link lead to the tree, whatever it led to.  Is atomic."""
        if self.linked(diff_id):
            return
        os.makedirs(self._links, mode=0o700, exist_ok=True)
        with temporary_folder(self._temporary) as work:  # whoever is killed leaves nothing among the links
            link = os.path.join(work, "l")
            os.symlink(_target(diff_id), link)
            put_in_place(link, self.link(diff_id), self._temporary)

    def drop_dangling(self) -> None:
        """Remove the links that lead to no tree, which a kill between link and record leaves."""
        for name in os.listdir(self._links):
            path = f"{self._links}/{name}"
            if not (os.path.islink(path) and os.path.isdir(path)):
                remove_tree(path)

    def blobs(self, diff_id: str) -> list[LayerBlob]:
        return [
            LayerBlob(*row)  # type: ignore[arg-type]
            for row in self._database.execute("SELECT * FROM layer_blobs WHERE diff_id=?", diff_id)
        ]

    def of_blob(self, digest: str) -> str | None:
        """The layer that a blob holds."""
        rows = self._database.execute("SELECT diff_id FROM layer_blobs WHERE digest=?", digest)
        return str(rows[0][0]) if rows else None

    def add_blob(self, blob: LayerBlob) -> None:
        self._database.execute("INSERT OR REPLACE INTO layer_blobs VALUES (?,?,?,?)", *blob)

    def forget_blob(self, blob: LayerBlob) -> None:
        """A blob does not hold a layer any more: it is damaged or lost."""
        self._database.execute(
            "DELETE FROM layer_blobs WHERE diff_id=? AND digest=?", blob.diff_id, blob.digest
        )

    def remove(self, diff_id: str) -> None:
        """Forget a layer and remove its tree.  The record goes first: half a tree is never a layer."""
        with self._database.transaction():
            self._database.execute("DELETE FROM layer_blobs WHERE diff_id=?", diff_id)
            self._database.execute("DELETE FROM layers WHERE diff_id=?", diff_id)
        remove_tree(self.link(diff_id))
        discard(self.path(diff_id), self._temporary)


def _target(diff_id: str) -> str:
    return "../layers/" + diff_id.removeprefix("sha256:")
