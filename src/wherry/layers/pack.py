"""A tree, streamed once as a layer's tar: its diff ID, its sizes, and the bytes for whoever wants them."""

from __future__ import annotations

import os

from wherry.errors import ChangedError, StepError
from wherry.layers.entry import FILE, SYMLINK, WHITEOUT
from wherry.layers.hashing import Hashing
from wherry.layers.tarwrite import END, header, padding
from wherry.layers.tree import READ, walk
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wherry.layers.entry import Entry
    from wherry.layers.tree import Item

CHUNK = 1 << 20
# Small pieces are gathered: hashing and writing 512 bytes at a time costs more than copying them.
GATHER = 1 << 18


class Packed(NamedTuple):
    """`size` is what Docker shows (see disk_size), `tar_size` that of the tar, `entries` their number."""

    diff_id: str
    tar_size: int
    size: int
    entries: int


class Gathered:
    """Passes bytes on in large pieces, hashing and counting them.  A context manager."""

    def __init__(self, sink: Callable[[bytes], object] | None = None) -> None:
        self._sink = sink
        self._pieces: list[bytes] = []
        self._held = 0
        self._hash = Hashing()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= GATHER:
            self.flush()

    def flush(self) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self.size += len(data)
        self._hash.update(data)
        if self._sink is not None:
            self._sink(data)

    def digest(self) -> str:
        return "sha256:" + self._hash.hexdigest()

    def __enter__(self) -> Gathered:
        return self

    def __exit__(self, *exception: object) -> None:
        self._hash.close()


def pack(tree: str, sink: Callable[[bytes], object] | None = None, *, alone: bool = False) -> Packed:
    """Write the tar of a tree in overlay form to `sink` and return what it is.

    The same tree gives the same bytes, always.  With `alone` no two of its names are one file.
    Raises StepError for a name that a layer cannot hold.
    """
    with Gathered(sink) as out:
        return _packed(walk(tree, alone=alone, opened=True), out)


def _packed(items: Iterable[Item], out: Gathered) -> Packed:
    size = count = 0
    for entry, path, _status, file in items:
        if path is not None and entry.name.rpartition(b"/")[2].startswith(WHITEOUT):
            raise StepError(
                f"/{os.fsdecode(entry.name)} cannot be in a layer: .wh. names mean deletions",
                hint="remove the file where it is made",
            )
        count += 1
        size += disk_size(entry)
        if file is None or entry.type != FILE or not entry.size:
            out.write(header(entry))
        elif entry.size <= GATHER:
            out.write(header(entry) + b"".join(_pieces(file, entry)) + padding(entry.size))
        else:
            out.write(header(entry))
            for piece in _pieces(file, entry):
                out.write(piece)
            out.write(padding(entry.size))
    out.write(END)
    out.flush()
    return Packed(out.digest(), out.size, size, count)


def disk_size(entry: Entry) -> int:
    """What an entry adds to the size that Docker shows: a file's bytes, a symlink's target."""
    return len(entry.target) if entry.type == SYMLINK else entry.size


def contents(path: bytes, entry: Entry) -> Iterator[bytes]:
    """The bytes of a file, exactly as many as its header promises.

    Raises ChangedError if it was cut short meanwhile; what was appended meanwhile is left out.
    """
    file = os.open(path, READ)
    try:
        yield from _pieces(file, entry)
    finally:
        os.close(file)


def _pieces(file: int, entry: Entry) -> Iterator[bytes]:
    """As contents(), of an open file."""
    left = entry.size
    while left:
        piece = os.read(file, min(CHUNK, left))
        if not piece:
            raise ChangedError(f"/{os.fsdecode(entry.name)} became shorter while it was read")
        left -= len(piece)
        yield piece
