"""Where the parts of an ELF file lie, read without its symbols: an image has thousands of such files.

Source: elf(5).  What is outside these bounds is no file that a linker wrote.
"""

from __future__ import annotations

import struct

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

MOST_SEGMENTS, MOST_SECTIONS = 512, 8192
LARGEST_NAMES = 1 << 20
LOAD, WRITABLE = 1, 2
DAMAGED = (struct.error, ArithmeticError, LookupError, ValueError, OSError)
"""What reading a damaged file raises."""


class Segment(NamedTuple):
    """One that is loaded; `address` is where, `offset` and `size` are of its bytes in the file."""

    address: int
    offset: int
    size: int
    is_writable: bool


class Section(NamedTuple):
    offset: int
    size: int


class Elf:
    """The header of a file that begins with ELF's mark.  Every call may raise what DAMAGED names."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.seek(0)
        head = file.read(64)
        self._wide = head[4] == 2
        self._order = ">" if head[5] == 2 else "<"
        form = "HHIQQQIHHHHHH" if self._wide else "HHIIIIIHHHHHH"
        fields = struct.unpack_from(self._order + form, head, 16)
        self._segments_at, self._sections_at = fields[4], fields[5]
        self._segments, self._sections, self._names = fields[9], fields[11], fields[12]

    def segments(self) -> Iterator[Segment]:
        """Those that are loaded."""
        form = "IIQQQQQQ" if self._wide else "IIIIIIII"
        for row in self._rows(form, self._segments_at, min(self._segments, MOST_SEGMENTS)):
            if row[0] != LOAD:
                continue
            if self._wide:
                yield Segment(row[3], row[2], row[5], bool(row[1] & WRITABLE))
            else:
                yield Segment(row[2], row[1], row[4], bool(row[6] & WRITABLE))

    def section(self, name: bytes) -> Section | None:
        """None where there is none, as in a file without a table of sections."""
        form = "IIQQQQIIQQ" if self._wide else "IIIIIIIIII"
        rows = list(self._rows(form, self._sections_at, min(self._sections, MOST_SECTIONS)))
        if self._names >= len(rows):
            return None
        names = self.read(rows[self._names][4], min(rows[self._names][5], LARGEST_NAMES))
        for row in rows:
            if names[row[0] : row[0] + len(name) + 1] == name + b"\0":
                return Section(row[4], row[5])
        return None

    def read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def _rows(self, form: str, offset: int, count: int) -> Iterator[tuple[int, ...]]:
        row = struct.Struct(self._order + form)
        data = self.read(offset, row.size * count)
        return row.iter_unpack(data[: len(data) // row.size * row.size])
