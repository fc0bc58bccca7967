"""Where a file's bytes are: in a file of this machine, in a part of an archive, or gone by."""

from __future__ import annotations

import contextlib
import hashlib
import os

from wherry.errors import UnsupportedError
from wherry.programs.elf import MAGIC
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.programs.symbols import Symbols

SAMPLE = 1 << 9
"""Bytes that are compared before all of them are read."""
CHUNK = 1 << 18
SYMBOLS_FROM = 1 << 17
"""Bytes of a file from which on it is asked what `strip` would take."""


class Part(NamedTuple):
    """So many bytes of a file, from `offset` on.

    `number` is a descriptor of the file that somebody keeps open, for thousands of parts of an archive; -1
    where there is none.
    """

    path: str
    offset: int
    size: int
    number: int = -1

    def beginning(self) -> bytes:
        return self._at(0, SAMPLE)

    def end(self) -> bytes:
        size = self.size
        if self.number >= 0 and size > SAMPLE:  # as _at() does; of an archive all files are asked
            return os.pread(self.number, SAMPLE, self.offset + size - SAMPLE)
        return self._at(max(0, size - SAMPLE), SAMPLE)

    def digest(self) -> str:
        hashed = hashlib.sha256()
        place, end = self.offset, self.offset + self.size
        with self._opened() as number:
            while place < end and (data := os.pread(number, min(CHUNK, end - place), place)):
                hashed.update(data)
                place += len(data)
        return hashed.hexdigest()

    def read(self, most: int) -> bytes:
        return self._at(0, most)

    def symbols(self) -> Symbols | None:
        from wherry.programs.symbols import symbols

        with self._opened() as number:
            opened = self._replace(number=number)
            return symbols(opened._at, self.size) if opened._at(0, 4) == MAGIC else None

    def _at(self, place: int, most: int) -> bytes:
        size = min(most, self.size - place)
        if size <= 0:
            return b""
        if self.number >= 0:
            return os.pread(self.number, size, self.offset + place)
        with self._opened() as number:
            return os.pread(number, size, self.offset + place)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        number = self.number
        if number < 0:
            number = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            yield number
        finally:
            if self.number < 0:
                os.close(number)


class Seen(NamedTuple):
    """Bytes that went by once, of which only what is said here is kept: their digest, the first of a file
    that something is to be learned from, and what `strip` would take of it."""

    hashed: str
    head: bytes = b""
    is_whole: bool = False
    stripped: Symbols | None = None

    def beginning(self) -> bytes:
        return self.hashed.encode()

    def end(self) -> bytes:
        return self.hashed.encode()

    def digest(self) -> str:
        return self.hashed

    def read(self, most: int) -> bytes:
        if not self.is_whole and most > len(self.head):
            raise UnsupportedError(
                "the file lies in a compressed layer, and is not kept",
                hint="wherry load or wherry pull brings the image into the store",
            )
        return self.head[:most]

    def symbols(self) -> Symbols | None:
        return self.stripped
