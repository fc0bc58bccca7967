"""Where a file's bytes are: in a file of this machine, in a part of an archive, or gone by."""

from __future__ import annotations

import contextlib
import hashlib
import os

from wherry.errors import UnsupportedError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = 1 << 9
CHUNK = 1 << 18


class Part(NamedTuple):
    """So many bytes of a file, from `offset` on.

    `number` is a descriptor of the file that somebody keeps open, for thousands of parts of an archive; -1
    where there is none.
    """

    path: str
    offset: int
    size: int
    number: int = -1

    def sample(self) -> bytes:
        """The first and the last bytes: files of one kind often begin alike."""
        if self.size <= SAMPLE:
            return self.read(SAMPLE)
        with self._opened() as number:
            last = self.offset + self.size - SAMPLE
            return os.pread(number, SAMPLE, self.offset) + os.pread(number, SAMPLE, last)

    def digest(self) -> str:
        hashed = hashlib.sha256()
        place, end = self.offset, self.offset + self.size
        with self._opened() as number:
            while place < end and (data := os.pread(number, min(CHUNK, end - place), place)):
                hashed.update(data)
                place += len(data)
        return hashed.hexdigest()

    def read(self, most: int) -> bytes:
        if self.number >= 0:
            return os.pread(self.number, min(most, self.size), self.offset)
        with self._opened() as number:
            return os.pread(number, min(most, self.size), self.offset)

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
    """Bytes that went by once, of which only what is said here is kept: their digest, and the first of a
    file that something is to be learned from."""

    hashed: str
    beginning: bytes = b""
    is_whole: bool = False

    def sample(self) -> bytes:
        return self.hashed.encode()

    def digest(self) -> str:
        return self.hashed

    def read(self, most: int) -> bytes:
        if not self.is_whole and most > len(self.beginning):
            raise UnsupportedError(
                "the file lies in a compressed layer, and is not kept",
                hint="wherry load or wherry pull brings the image into the store",
            )
        return self.beginning[:most]
