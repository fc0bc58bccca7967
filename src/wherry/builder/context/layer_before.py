"""What the last layer of a COPY holds of a context's files: the next one is made of links to what stayed.

contexts/<mark>.<slot>   diff ID, newline, then 15 bytes a file: of the SHA-256 of all that it is there

That is its destination, its content, and its mode, owner and time in the layer, so that the files of the
layer before need not be looked at.  Only what is known for certain to be in the layer is there: regular
files with one name that were the same before and after they were read.
"""

from __future__ import annotations

import hashlib
import os
import time

from wherry.builder.context import file_index
from wherry.layers.copying import moments
from wherry.layers.remove import remove_tree
from wherry.store.regular import read_regular
from wherry.store.temporary import write_file
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.layers.copying import Moments
    from wherry.layers.entry import AnyStatus
    from wherry.store import Store

MOST = 64
"""So many are kept of a context: one for each COPY of its Dockerfiles."""
SPARE = 64
"""So many more may be there: their times are looked at once in so many that are added."""
SIZE = 15
"""Bytes of an identity: 120 bits."""
PART = 12
"""Bits by which identities are parted to be found: a set would take six times their bytes."""


class LayerBefore:
    """The layer before, and what is learnt of the one that is being made.  `path` keeps it."""

    def __init__(self, path: str, store: Store) -> None:
        self._path = path
        self._temporary = store.temporary
        self.tree, self._files = _load(path, store)
        self._now = bytearray()
        self._settled = time.time_ns() - file_index.SETTLE_NS

    def has(self, file: bytes) -> bool:
        """Whether the layer before has a file, by its identity(): it is in `tree` by the same name."""
        # Between two others the same bytes would be a collision of 120 bits as well.
        return bool(self._files) and file in self._files[_part(file)]

    def linked(self, file: bytes) -> None:
        """A file has become another name of the one that the layer before has."""
        self._now += file

    def copied(self, file: bytes, then: AnyStatus, now: Moments | None) -> None:
        """A file was copied that had the status `then` before it was hashed and `now` when it was read."""
        if moments(then) == now and max(then.st_mtime_ns, then.st_ctime_ns) < self._settled:
            self._now += file

    def replaced(self) -> None:
        """A file has come into the place of another one: nothing is certain any more."""
        self._now.clear()
        self._settled = 0
        self._files = ()

    def written(self) -> None:
        """The new layer's tree is whole: what the one before had is not asked for any more."""
        self._files = ()

    def save(self, diff_id: str) -> None:
        """The new layer is the one before from now on.  Is atomic; nothing is raised."""
        folder, name = os.path.split(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if not os.path.exists(self._path):
                _bound(folder, name.partition(".")[0] + ".")
            write_file(self._temporary, self._path, b"%s\n%s" % (diff_id.encode(), self._now))
        except OSError:
            pass


def identity(dest: str, mark: str, mode: int, owner: tuple[int, int], moment: int) -> bytes:
    """What a file is in a layer; `mark` is what it was for the key, `moment` its time (ns)."""
    text = f"{dest}\0{mark}\0{mode:o} {owner[0]} {owner[1]} {moment}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()[:SIZE]


def _load(path: str, store: Store) -> tuple[str, Sequence[bytearray]]:
    """The layer's tree and what is in it by _part(); nothing where the layer is not whole any more."""
    try:
        name, _, files = read_regular(path).partition(b"\n")
        diff_id = name.decode()
    except (OSError, ValueError):
        return "", ()
    if store.layers.whole(diff_id) is None:
        return "", ()
    found = [bytearray() for _ in range(1 << PART)]
    for start in range(0, len(files) - SIZE + 1, SIZE):
        file = files[start : start + SIZE]
        found[_part(file)] += file
    return store.layers.path(diff_id), found


def _part(file: bytes) -> int:
    return (file[0] << 8 | file[1]) >> (16 - PART)


def _bound(folder: str, prefix: str) -> None:
    """Make room for one more of a context: the oldest are of instructions that changed."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(prefix)]
    if len(paths) >= MOST + SPARE:
        for path in sorted(paths, key=os.path.getmtime)[: len(paths) - MOST]:
            remove_tree(path)
