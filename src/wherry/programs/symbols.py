"""PURE: what `strip` would take out of an ELF file: debug sections, and the symbols that only linkers read.

Whatever the bytes are, three short pieces of a file are read.  Source: elf(5), the generic ABI (sections),
strip(1).
"""

from __future__ import annotations

import struct

from wherry.programs.elf import HEADERS, IDENTITY, LARGEST_HEADER, MAGIC, ORDERS
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    At = Callable[[int, int], bytes]
    """(offset, size) to so many bytes of a file; fewer where it ends or where they are not at hand."""

# By EI_CLASS: an entry of the section header table.
SECTIONS = {1: "IIIIIIIIII", 2: "IIQQQQIIQQ"}
MOST_SECTIONS = 1024
"""Programs have some 40.  Objects for linkers have tens of thousands, and nobody would strip those."""
MOST_NAMES = 1 << 16
PROGRAM, LIBRARY = 2, 3
NOTHING, SYMBOLS = 8, 2
LOADED = 2
OF_GO = (b".gopclntab", b".go.buildinfo")
DEBUG = (b".debug_", b".zdebug_", b".stab", b".gdb_index", b".gnu.debuglto_")


class Symbols(NamedTuple):
    """`size` are bytes of the file; `is_go` says that Go's linker wrote it."""

    size: int
    is_go: bool = False


class _Section(NamedTuple):
    name: bytes
    kind: int
    flags: int
    offset: int
    size: int
    link: int


def symbols(at: At, size: int) -> Symbols | None:
    """Of a file of `size` bytes; None where there is nothing to strip, or that cannot be known.

    What is loaded when a program runs is never counted.  Raises what `at` raises.
    """
    try:
        found = list(_sections(at))
    except (struct.error, LookupError):
        return None
    strings = {section.link for section in found if section.kind == SYMBOLS and not section.flags & LOADED}
    stripped = sum(
        section.size
        for number, section in enumerate(found)
        if not section.flags & LOADED
        and section.kind != NOTHING
        and section.offset + section.size <= size
        and (section.kind == SYMBOLS or number in strings or section.name.startswith(DEBUG))
    )
    is_go = any(section.name in OF_GO for section in found)
    return Symbols(min(stripped, size), is_go) if stripped else None


def table(head: bytes) -> tuple[int, int]:
    """Where the section header table is, by the first bytes of an ELF file: offset and size.

    Raises struct.error or LookupError for what is none, or has more sections than programs have.
    """
    offset, size, number, _ = _header(head)
    return offset, size * number


def names(head: bytes, entries: bytes) -> tuple[int, int]:
    """Where the names of sections are, by the first bytes of a file and its section header table."""
    _, size, _, place = _header(head)
    _, _, _, _, offset, length, *_ = struct.unpack_from(_form(head), entries, place * size)
    return offset, min(length, MOST_NAMES)


def _header(head: bytes) -> tuple[int, int, int, int]:
    """Offset of the section header table, size of an entry, their number, and which one has the names."""
    if not head.startswith(MAGIC):
        raise LookupError
    form = ORDERS[head[5]] + HEADERS[head[4]]
    kind, _, _, _, _, offset, _, _, _, _, size, number, place = struct.unpack_from(form, head, IDENTITY)
    if kind not in (PROGRAM, LIBRARY) or number > MOST_SECTIONS or size != struct.calcsize(_form(head)):
        raise LookupError
    return offset, size, number, place


def _form(head: bytes) -> str:
    return ORDERS[head[5]] + SECTIONS[head[4]]


def _sections(at: At) -> Iterator[_Section]:
    head = at(0, LARGEST_HEADER)
    _, size, number, _ = _header(head)
    entries = at(*table(head))
    text = at(*names(head, entries))
    for each in range(number):
        name, kind, flags, _, offset, length, link, *_ = struct.unpack_from(
            _form(head), entries, each * size
        )
        yield _Section(text[name:].partition(b"\0")[0], kind, flags, offset, length, link)
