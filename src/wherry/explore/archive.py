"""Archives of images that are read where they lie: nothing is unpacked, layers are parts of the file."""

from __future__ import annotations

import os
import posixpath

from wherry.errors import CorruptError, HostileArchiveError, NotFoundError
from wherry.explore.contents import Part
from wherry.explore.read import LONGEST_NAME, Window, from_part, from_tar
from wherry.images.archive import Archive, other_layer
from wherry.layers.compress import decompressed, kind_of
from wherry.layers.entry import FILE, LINK, SYMLINK
from wherry.layers.hashing import Hashing
from wherry.layers.tarread import TarReader
from wherry.oci.config import LARGEST_CONFIG
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.explore.model import LayerFiles
    from wherry.layers.tarread import Reader

MOST_MEMBERS = 100_000
MOST_LINKS = 8


class Unpacked(Archive):
    """A folder with the files of one, as an OCI layout is; `kept(path)` keeps a file open."""

    def __init__(self, folder: str, kept: Callable[[str], int]) -> None:
        super().__init__(folder)
        self._kept = kept

    def part(self, path: str) -> Part:
        """Where a file lies.  Raises CorruptError where it does not."""
        file = self.file(path)
        return Part(file, 0, os.path.getsize(file), self._kept(file))


class Packed(Archive):
    """A tar, which `number` keeps open for as long as its parts are used.

    Every method raises CorruptError.
    """

    def __init__(self, file: str, number: int) -> None:
        super().__init__(file)
        self._parts: dict[str, Part] = {}
        self._links: dict[str, str] = {}
        self._index(Part(file, 0, os.fstat(number).st_size, number))

    def _index(self, whole: Part) -> None:
        window, file = Window(whole), whole.path
        for number, member in enumerate(TarReader(window, file)):
            if number >= MOST_MEMBERS or len(member.entry.name) > LONGEST_NAME:
                raise CorruptError(f"{file} is no archive of images: more than {MOST_MEMBERS} files")
            name = _clean(os.fsdecode(member.entry.name))
            if member.entry.type == FILE and member.segments is None:
                self._parts[name] = whole._replace(offset=window.place, size=member.stored)
            elif member.entry.type in (SYMLINK, LINK):
                # Old archives link equal layers to each other.
                target = os.fsdecode(member.entry.target)
                above = posixpath.dirname(name) if member.entry.type == SYMLINK else ""
                self._links[name] = _clean(posixpath.join(above, target))

    def has(self, path: str) -> bool:
        return self._followed(path) in self._parts

    def part(self, path: str) -> Part:
        found = self._parts.get(self._followed(path))
        if found is None:
            raise CorruptError(f"the archive has no {path}", hint="it is incomplete")
        return found

    def read(self, path: str, most: int = LARGEST_CONFIG) -> bytes:
        part = self.part(path)
        if part.size > most:
            raise CorruptError(f"{path} has {part.size} bytes; at most {most} are read")
        return part.read(most)

    def _followed(self, path: str) -> str:
        path = _clean(path)
        for _ in range(MOST_LINKS):
            path = self._links.get(path, path)
        return path


def _clean(path: str) -> str:
    return posixpath.normpath("/" + path).lstrip("/")


def is_compressed(file: str) -> bool:
    """Raises NotFoundError."""
    try:
        with open(file, "rb") as stream:
            return kind_of(stream.read(6)) != "none"
    except FileNotFoundError:
        raise NotFoundError(f"open {file}: no such file or directory") from None


def layer_of(part: Part, name: str, diff_id: str) -> LayerFiles:
    """A layer that is a part of a file, which somebody keeps open.

    Of a plain tar only the headers are read, and its bytes are not compared with the diff ID.  Raises
    CorruptError.
    """
    if kind_of(Window(part).read(6)) == "none":
        return from_part(part, name)
    return passing(Window(part), name, diff_id)


def passing(stream: Reader, name: str, diff_id: str) -> LayerFiles:
    """A layer that comes once, compressed or not.  Raises CorruptError where it has another diff ID."""
    plain = _Hashed(decompressed(stream))
    try:
        try:
            found = from_tar(plain, name)
        except HostileArchiveError as error:
            raise CorruptError(error.message) from None
        digest = plain.digest()
    finally:
        plain.close()
    if digest != diff_id:
        raise other_layer(name, digest, diff_id)
    return found


class _Hashed:
    """A stream whose bytes are hashed as they pass."""

    def __init__(self, stream: Reader) -> None:
        self._stream = stream
        self._hashing = Hashing()

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._hashing.update(data)
        return data

    def digest(self) -> str:
        return "sha256:" + self._hashing.hexdigest()

    def close(self) -> None:
        self._hashing.close()
