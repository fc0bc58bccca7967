"""What the last layer of a COPY holds of a context's files: the next one is made of links to what stayed.

contexts/<mark>.<slot>   zlib of: diff ID NUL, then destination NUL mark NUL for each file

A mark is what the file was for the key: its mode and its whole digest.  Only what is known for certain to
be in the layer is listed: regular files with one name that were the same before and after they were read.
"""

from __future__ import annotations

import os
import time

from wherry.builder.context import file_index
from wherry.layers.remove import remove_tree
from wherry.store.regular import read_regular
from wherry.store.temporary import write_file
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import Store

MOST = 64
"""So many are kept of a context: one for each COPY of its Dockerfiles."""


class LayerBefore:
    """The layer before, and what is learnt of the one that is being made.  `path` keeps it."""

    def __init__(self, path: str, store: Store) -> None:
        self._path = path
        self._temporary = store.temporary
        self._tree, self._marks = _load(path, store)
        self._now: dict[str, str] = {}
        self._settled = time.time_ns() - file_index.SETTLE_NS

    def file(self, dest: str, mark: str) -> str | None:
        """The file of the layer before that has this destination, and was that."""
        return f"{self._tree}/{dest}" if self._marks.get(dest) == mark else None

    def holds(self, dest: str, mark: str) -> None:
        """The new layer has the file of this mark there."""
        self._now[dest] = mark

    def copied(self, dest: str, mark: str, then: os.stat_result, now: os.stat_result | None) -> None:
        """A file was copied that had the status `then` before it was hashed and `now` when it was read."""
        self._now.pop(dest, None)
        if now is None or then.st_nlink > 1:
            return
        if _moments(then) == _moments(now) and max(_moments(then)[2:]) < self._settled:
            self.holds(dest, mark)

    def save(self, diff_id: str) -> None:
        """The new layer is the one before from now on.  Is atomic; nothing is raised."""
        import zlib

        fields = [diff_id, *(field for pair in self._now.items() for field in pair), ""]
        packed = zlib.compress("\0".join(fields).encode("utf-8", "surrogateescape"), 1)
        folder, name = os.path.split(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if not os.path.exists(self._path):
                _bound(folder, name.partition(".")[0] + ".")
            write_file(self._temporary, self._path, packed)
        except OSError:
            pass


def _moments(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _load(path: str, store: Store) -> tuple[str, dict[str, str]]:
    """The layer's tree and the marks by destination; nothing where the layer is not whole any more."""
    import zlib

    try:
        diff_id, *fields = (
            zlib.decompress(read_regular(path)).decode("utf-8", "surrogateescape").split("\0")
        )
    except (OSError, ValueError, zlib.error):
        return "", {}
    if store.layers.whole(diff_id) is None:
        return "", {}
    return store.layers.path(diff_id), dict(zip(fields[::2], fields[1::2], strict=False))


def _bound(folder: str, prefix: str) -> None:
    """Make room for one more of a context: the oldest are of instructions that changed."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder) if name.startswith(prefix)]
    for path in sorted(paths, key=os.path.getmtime)[: len(paths) - MOST + 1]:
        remove_tree(path)
