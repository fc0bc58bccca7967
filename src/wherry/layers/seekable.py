"""A file as a stream in which bytes may be passed over (tarread.Skipping)."""

from __future__ import annotations

import io
import os
import stat

from wherry.layers.compress import decompressed, kind_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from wherry.layers.tarread import Reader


class Seekable:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = os.fstat(file.fileno()).st_size

    def read(self, size: int, /) -> bytes:
        return self._file.read(size)

    def skip(self, size: int, /) -> int:
        place = self._file.tell()
        size = min(size, max(0, self._end - place))
        self._file.seek(place + size)
        return size


def plain(stream: Reader) -> Reader:
    """As decompressed(); what nobody asks for of a file that is not compressed is not read."""
    if not isinstance(stream, io.BufferedReader) or not _is_regular(stream):
        return decompressed(stream)
    place = stream.tell()
    kind = kind_of(stream.read(6))
    stream.seek(place)
    return Seekable(stream) if kind == "none" else decompressed(stream)


def _is_regular(stream: io.BufferedReader) -> bool:
    """Not a pipe, nor bytes in memory."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:
        return False
