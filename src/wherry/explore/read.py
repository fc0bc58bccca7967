"""The files of one layer: from its tree, its tar, or the index that some builders put at a layer's end."""

from __future__ import annotations

import os
import sys

from wherry.errors import CorruptError
from wherry.explore.contents import Part
from wherry.explore.model import DEVICE, FIFO, FILE, FOLDER, SYMLINK, File, LayerFiles
from wherry.explore.skimmed import skimmed
from wherry.layers import entry as tar
from wherry.layers.tarread import TarReader
from wherry.layers.tree import walk
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.explore.model import Content
    from wherry.layers.entry import Entry
    from wherry.layers.tarread import Reader

TYPES = {
    tar.FILE: FILE,
    tar.FOLDER: FOLDER,
    tar.SYMLINK: SYMLINK,
    tar.CHARACTER: DEVICE,
    tar.BLOCK: DEVICE,
    tar.FIFO: FIFO,
}
OPAQUE, WHITEOUT = tar.OPAQUE.decode(), tar.WHITEOUT.decode()
MOST_FILES = 2_000_000
"""In one layer."""
PLAIN = pattern(rb"(?:[^/.\0][^/\0]*/)*[^/.\0][^/\0]*/?")
"""Names that are as they should be, as nearly all are: no empty part and none that begins with a dot."""
LONGEST_NAME = 4096
"""Bytes: Linux' PATH_MAX."""
KEPT = ("/.package-lock.json",)
"""Ends of names of files that something is learned from, whose bytes are kept when they go by."""
LARGEST_KEPT = 1 << 23
CHUNK = 1 << 18
ENCODING = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
"""os.fsdecode()'s, for tens of thousands of names."""


class Gathering:
    """Entries of a layer, in the words of tars, as its files.  `name` is what errors call the layer."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._files: list[File] = []
        self._bodies: dict[str, File] = {}
        self._whiteouts: list[str] = []
        self._opaque: list[str] = []
        self._number = -1

    def add(self, entry: Entry, content: Content | None) -> None:
        """Raises CorruptError for a name that leads out, and for more files than are read."""
        path = self._checked(entry.name)
        above, _, base = path.rpartition("/")
        if not base.startswith(WHITEOUT):
            if path:
                self._add(path, entry, content)
        elif base == OPAQUE:
            self._opaque.append(above)
        else:
            hidden = base.removeprefix(WHITEOUT)
            self._whiteouts.append(f"{above}/{hidden}" if above else hidden)

    def _add(self, path: str, entry: Entry, content: Content | None) -> None:
        self._number = number = self._number + 1
        if number >= MOST_FILES:
            raise CorruptError(f"{self._name} has more than {MOST_FILES} files")
        if entry.type == tar.LINK:
            first = self._bodies.get(self._checked(entry.target))
            if first is not None:
                self._files.append(first._replace(path=path))
                return
        kind, size = entry.type, entry.size
        if kind == tar.SYMLINK:
            size = len(entry.target)
        elif kind != tar.FILE:
            size = 0
        file = File(
            path,
            TYPES.get(kind, FILE),
            size,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.mtime,
            os.fsdecode(entry.target) if entry.target else "",
            number,
            content if size and kind == tar.FILE else None,
        )
        self._files.append(file)
        if file.type != FOLDER:
            self._bodies[path] = file

    def done(self) -> LayerFiles:
        return LayerFiles(tuple(self._files), tuple(self._whiteouts), tuple(self._opaque))

    def _checked(self, name: bytes) -> str:
        if PLAIN.fullmatch(name) is not None and len(name) <= LONGEST_NAME:
            return name.rstrip(b"/").decode(*ENCODING)
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        if b".." in parts or b"\0" in name or len(name) > LONGEST_NAME:
            raise CorruptError(f"{self._name}: {os.fsdecode(name[:200])!r} is no name in a layer")
        return os.fsdecode(b"/".join(parts))


def from_tree(folder: str) -> LayerFiles:
    """Of a tree in overlay form, or of any folder.  Raises OSError for what cannot be read."""
    found = Gathering(folder)
    for item in walk(folder):
        content = None
        if item.entry.type == tar.FILE and item.path is not None:
            content = Part(os.fsdecode(item.path), 0, item.entry.size)
        found.add(item.entry, content)
    return found.done()


def from_tar(stream: Reader, name: str) -> LayerFiles:
    """Of a plain tar that comes once; all of it is read.  Raises CorruptError."""
    found = Gathering(name)
    reader = TarReader(stream, name)
    for member in reader:
        content = None
        if member.entry.type == tar.FILE and member.entry.size:
            keep = LARGEST_KEPT if b"/" + member.entry.name.rpartition(b"/")[2] in _KEPT else 0
            content = skimmed(reader.data(), member.segments, keep)
        found.add(member.entry, content)
    reader.drain()
    return found.done()


_KEPT = frozenset(name.encode() for name in KEPT)


def from_part(part: Part, name: str) -> LayerFiles:
    """Of a plain tar that is a part of a file: the headers alone are read.  Raises CorruptError."""
    found = Gathering(name)
    window = Window(part)
    for member in TarReader(window, name):
        content = None
        if member.entry.type == tar.FILE and member.segments is None:
            content = Part(part.path, part.offset + window.place, member.stored, part.number)
        found.add(member.entry, content)
    return found.done()


class Window:
    """A part of a file, which somebody keeps open, as a stream in which bytes can be passed over."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.place = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        left = self._part.size - self.place
        size = left if size < 0 or size > left else size
        data = os.pread(self._part.number, size, self._part.offset + self.place)
        self.place += len(data)
        return data

    def skip(self, size: int) -> int:
        """Pass over bytes.  How many there were."""
        left = self._part.size - self.place
        size = size if size < left else left
        self.place += size
        return size
