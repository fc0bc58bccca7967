"""What is learned of a file of a layer that passes by once: its digest, and what `strip` would take."""

from __future__ import annotations

import hashlib
import struct

from wherry.explore.contents import SYMBOLS_FROM, Seen
from wherry.programs.elf import LARGEST_HEADER, MAGIC
from wherry.programs.symbols import MOST_NAMES, names, symbols, table
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.programs.symbols import Symbols

ENDS = 2 * MOST_NAMES
"""Bytes of the beginning and of the end that are kept while a program passes: linkers write the table of
sections and their names last, Go's the table first and the names in the middle."""


def skimmed(data: Iterable[bytes], segments: object, keep: int) -> Seen:
    """`keep` are the first bytes of which a copy is kept; `segments` are a sparse file's."""
    hashed = hashlib.sha256(repr(segments).encode() if segments else b"")
    kept, size, program = b"", 0, None
    for piece in data:
        hashed.update(piece)
        if not size and piece.startswith(MAGIC) and segments is None:
            program = _Program()
        size += len(piece)
        if len(kept) < keep:
            kept += piece[: keep - len(kept)]
        if program is not None:
            program.feed(piece)
    found = program.symbols() if program is not None and size >= SYMBOLS_FROM else None
    return Seen(hashed.hexdigest(), kept, len(kept) == size, found)


class _Program:
    """An ELF file as it passes: its ends, and the names of sections, whose place its beginning tells."""

    def __init__(self) -> None:
        self._size = 0
        self._head = self._middle = self._tail = b""
        self._wanted = (0, 0)

    def feed(self, piece: bytes) -> None:
        self._tail = (self._tail + piece)[-ENDS:]
        before, self._size = self._size, self._size + len(piece)
        if len(self._head) < ENDS:
            self._head += piece
            if len(self._head) >= ENDS:
                self._wanted = self._names()
                piece, before = self._head, 0
        start, size = self._wanted
        if before < start + size and self._size > start:
            self._middle += piece[max(0, start - before) : start + size - before]

    def symbols(self) -> Symbols | None:
        return symbols(self._at, self._size)

    def _names(self) -> tuple[int, int]:
        try:
            head = self._head[:LARGEST_HEADER]
            offset, size = table(head)
            return names(head, self._head[offset : offset + size])
        except (struct.error, LookupError):
            return 0, 0

    def _at(self, offset: int, size: int) -> bytes:
        ends = (0, self._head), (self._size - len(self._tail), self._tail)
        for place, data in ((self._wanted[0], self._middle), *ends):
            if place <= offset < place + len(data):
                return data[offset - place : offset - place + size]
        return b""
