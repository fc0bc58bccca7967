"""A tree, streamed once as a layer's tar: its diff ID, its sizes, and the bytes for whoever wants them."""

from __future__ import annotations

import os
from itertools import starmap, tee
from stat import S_IMODE

from wherry.errors import ChangedError, StepError
from wherry.layers.entry import FILE, FOLDER, SYMLINK, WHITEOUT
from wherry.layers.hashing import Hashing
from wherry.layers.tarwrite import END, file_header, header, padding
from wherry.layers.tree import READ, items_of, list_tree, root_of, xattrs_of
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wherry.helper import Helper
    from wherry.layers.entry import Entry
    from wherry.layers.tree import Item

    Small = tuple[bytes, int, int]

CHUNK = 1 << 20
# Small pieces are gathered: hashing and writing 512 bytes at a time costs more than copying them.
GATHER = 1 << 18
SMALL = 1 << 15
"""Bytes of a file that is packed beside others: so many of them are in memory at a time."""


class Packed(NamedTuple):
    """`size` is what Docker shows (see disk_size), `tar_size` that of the tar, `entries` their number."""

    diff_id: str
    tar_size: int
    size: int
    entries: int


class Known(NamedTuple):
    """What is known of a tree by whoever made it: with `alone` that no two of its names are one file, and
    what pack() of it returns.
    """

    alone: bool = False
    packed: Packed | None = None


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

    def close(self) -> None:
        self._hash.close()

    def __enter__(self) -> Gathered:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Packing:
    """The tar of a tree, member by member in its order.  To be closed."""

    def __init__(self, sink: Callable[[bytes], object] | None = None) -> None:
        self._out = Gathered(sink)
        self._size = self._entries = 0

    def add(self, members: Small) -> None:
        data, entries, size = members
        self._out.write(data)
        self._entries += entries
        self._size += size

    def add_items(self, items: Iterable[Item]) -> None:
        for item in items:
            self._entries += 1
            self._size += disk_size(item.entry)
            for piece in _member(item):
                self._out.write(piece)

    def end(self) -> Packed:
        self._out.write(END)
        self._out.flush()
        return Packed(self._out.digest(), self._out.size, self._size, self._entries)

    def close(self) -> None:
        self._out.close()

    def __enter__(self) -> Packing:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def pack(
    tree: str,
    sink: Callable[[bytes], object] | None = None,
    *,
    helper: Helper | None = None,
    alone: bool = False,
) -> Packed:
    """Write the tar of a tree in overlay form to `sink` and return what it is.

    The same tree gives the same bytes, always.  With `alone` no two of its names are one file.
    Raises StepError for a name that a layer cannot hold.
    """
    links: dict[int, bytes] | None = None if alone else {}
    with Packing(sink) as packing:
        packing.add_items(root_of(tree))
        listed, ahead = tee(list_tree(tree))
        each = ((*one, alone) for one in ahead)
        found = helper.map(small, each) if helper else starmap(small, each)
        for one, members in zip(listed, found, strict=True):
            if members is None:
                packing.add_items(items_of(*one, links, opened=True))
            else:
                packing.add(members)
        return packing.end()


def small(name: bytes, path: bytes, is_file: bool, alone: bool) -> Small | None:
    """What list_tree() gave as the tar's bytes, their members' number and disk_size().

    None for a file that is large, or, where not `alone`, has other names: it may be a link.
    """
    if is_file and WHITEOUT not in name:
        file = os.open(path, READ)
        try:
            status = os.fstat(file)
            size = status.st_size
            if size > SMALL or (status.st_nlink > 1 and not alone):
                return None
            if size and not xattrs_of(file):  # without bytes it may be a whiteout
                return plain(name, os.read(file, size), status)
        finally:
            os.close(file)
    pieces: list[bytes] = []
    size = members = 0
    for item in items_of(name, path, is_file, None, opened=True):
        entry, _, status, _ = item
        if entry.size > SMALL or (status.st_nlink > 1 and not alone and entry.type != FOLDER):
            return None
        pieces += _member(item)
        size += disk_size(entry)
        members += 1
    return b"".join(pieces), members, size


def plain(name: bytes, data: bytes, status: os.stat_result) -> Small:
    """As small(), of a regular file that has bytes and no attributes."""
    size = status.st_size
    if len(data) < size:
        raise _shorter(name)
    moment = status.st_mtime_ns // 1_000_000_000
    block = file_header(name, S_IMODE(status.st_mode), status.st_uid, status.st_gid, size, moment)
    return b"%b%b%b" % (block, data, padding(size)), 1, size


def _member(item: Item) -> Iterator[bytes]:
    """The header, and the bytes of a file.  Raises StepError for a name that a layer cannot hold."""
    entry, path, _, file = item
    if path is not None and entry.name.rpartition(b"/")[2].startswith(WHITEOUT):
        raise StepError(
            f"/{os.fsdecode(entry.name)} cannot be in a layer: .wh. names mean deletions",
            hint="remove the file where it is made",
        )
    yield header(entry)
    if file is not None and entry.type == FILE and entry.size:
        yield from _pieces(file, entry)
        yield padding(entry.size)


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
            raise _shorter(entry.name)
        left -= len(piece)
        yield piece


def _shorter(name: bytes) -> ChangedError:
    return ChangedError(f"/{os.fsdecode(name)} became shorter while it was read")
