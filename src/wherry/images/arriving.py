"""Layers of an archive that arrives: kept as they came, hashed, decompressed and made trees in one pass.

Which members are layers is only known when the archive has ended, so every large one is taken for one; that
it is none, or a damaged one, is found out when somebody asks for it.  What the store has already is passed
over: it is known by its digest.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading

from wherry.errors import WherryError
from wherry.layers.channel import Channel
from wherry.layers.compress import decompressed, kind_of
from wherry.layers.entry import FILE, LINK
from wherry.layers.hashing import Hashing
from wherry.layers.remove import remove_tree
from wherry.layers.tree import ROOT_MODE
from wherry.layers.unpack import unpack
from wherry.layers.writefile import NEW_FILE, write_all
from wherry.oci.digest import is_digest
from wherry.oci.layout import blob_path
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.pack import Packed
    from wherry.layers.tarread import Member
    from wherry.store import Store

LITTLE = 1 << 20
"""Bytes of a layer that is rather written again than looked for."""


class Arrived(NamedTuple):
    """A layer's tree, and the digest of the bytes that it came in."""

    tree: str
    packed: Packed
    digest: str


class Arriving:
    """Members that are kept in `folder`, which is empty, or that the store has.

    `paths` are their files by their names in the archive, `layers` those of them that are layers by their
    files.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._numbers = itertools.count()
        self.paths: dict[str, str] = {}
        self.layers: dict[str, Arrived] = {}

    def take(self, member: Member, data: Iterator[bytes]) -> bool:
        """Whether a member is one of these; else it is to be unpacked as all others are."""
        entry = member.entry
        name = _plain(entry.name)
        self.paths.pop(name, None)
        if entry.type == LINK and _plain(entry.target) in self.paths:
            self.paths[name] = self.paths[_plain(entry.target)]
            return True
        if not name or entry.type != FILE or entry.size < LITTLE or member.segments is not None:
            return False
        self.paths[name] = self._known(name, entry.size) or self._received(data)
        return True

    def _known(self, name: str, size: int) -> str | None:
        """The blob that the store has of a member, with its layer, found by its digest."""
        digest = "sha256:" + os.path.basename(name)
        if not is_digest(digest) or name != blob_path(digest):
            return None
        blobs, diff_id = self._store.blobs, self._store.layers.of_blob(digest)
        if diff_id is None or not blobs.has(digest) or blobs.size(digest) != size:
            return None
        return blobs.path(digest) if blobs.is_sound(digest) and self._store.layers.has(diff_id) else None

    def _received(self, data: Iterator[bytes]) -> str:
        path = os.path.join(self._folder, str(next(self._numbers)))
        file = os.open(path, NEW_FILE, 0o600)
        try:
            with _Unpacking(path + ".tree") as layer:
                for piece in data:
                    layer.write(piece)
                    write_all(file, piece)
        finally:
            os.close(file)
        arrived = layer.arrived()
        if arrived is not None:
            self.layers[path] = arrived
        return path


def _plain(name: bytes) -> str:
    """A member's name in the archive; "" for one that is refused."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    return "" if b".." in parts or b"\0" in name else os.fsdecode(b"/".join(parts))


class _Unpacking:
    """A thread that makes a tree of a layer's bytes while they come, and another one that hashes them."""

    def __init__(self, tree: str) -> None:
        self._tree = tree
        self._channel = Channel()
        self._hash: Hashing | None = None
        self._packed: Packed | None = None
        self._fault: BaseException | None = None
        self._thread: threading.Thread | None = None

    def write(self, piece: bytes) -> None:
        if self._thread is None:
            # The digest of a plain tar is the diff ID.
            self._hash = Hashing() if kind_of(piece) != "none" else None
            self._thread = threading.Thread(target=self._work, name="layer", daemon=True)
            self._thread.start()
        if self._hash is not None:
            self._hash.update(piece)
        self._channel.write(piece)

    def arrived(self) -> Arrived | None:
        """Once all was written; None where it is no layer, or none that can be unpacked."""
        if self._fault is not None:
            raise self._fault
        if self._packed is None:
            return None
        digest = self._packed.diff_id if self._hash is None else "sha256:" + self._hash.hexdigest()
        return Arrived(self._tree, self._packed, digest)

    def _work(self) -> None:
        try:
            os.mkdir(self._tree)
            os.chmod(self._tree, ROOT_MODE)
            self._packed = unpack(decompressed(self._channel), self._tree)
        except (WherryError, OSError):
            with contextlib.suppress(OSError):  # who needs it unpacks it again, and says what is wrong
                remove_tree(self._tree)
        except BaseException as fault:
            self._fault = fault
        finally:
            self._channel.leave()

    def __enter__(self) -> _Unpacking:
        return self

    def __exit__(self, *exception: object) -> None:
        self._channel.end()
        if self._thread is not None:
            self._thread.join()
        if self._hash is not None:
            self._hash.close()
