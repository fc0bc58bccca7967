"""The header of an ELF file, as far as it says what the program needs.  Whatever the bytes are: of no file
more is read than real programs need.

Source: elf(5), the generic ABI (ELF header, program headers, dynamic section).
"""

from __future__ import annotations

import struct

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO


MAGIC = b"\x7fELF"
# e_machine -> GOARCH (elf.h).
MACHINES = {
    62: "amd64",
    3: "386",
    183: "arm64",
    40: "arm",
    21: "ppc64le",
    243: "riscv64",
    22: "s390x",
    258: "loong64",
    8: "mips64le",
}
# By EI_CLASS: the rest of the header, a program header, an entry of the dynamic section.
HEADERS = {1: "HHIIIIIHHHHHH", 2: "HHIQQQIHHHHHH"}
SEGMENTS = {1: "IIIIIIII", 2: "IIQQQQQQ"}
ENTRIES = {1: "iI", 2: "qQ"}
ORDERS = {1: "<", 2: ">"}
IDENTITY, LARGEST_HEADER = 16, 64
LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
END, NEEDED, STRINGS, RPATH, RUNPATH = 0, 1, 5, 15, 29
MOST_SEGMENTS = 65536
"""Bytes of program headers: Linux starts no program with more."""
MOST_NEEDED = 1024
MOST_ENTRIES = 65536
LONGEST = 4096


class Elf(NamedTuple):
    """`loader` is PT_INTERP's, "" for a program that needs none; `needed` are the names of libraries.

    `rpath` and `runpath` as they are written, with $ORIGIN.
    """

    architecture: str
    loader: str = ""
    needed: tuple[str, ...] = ()
    rpath: str = ""
    runpath: str = ""


class _Segment(NamedTuple):
    """Where a part of the file is, and where in memory."""

    kind: int
    offset: int
    address: int
    size: int


def read_elf(file: IO[bytes]) -> Elf | None:
    """None for what is no ELF file, or a damaged one: the kernel refuses it, too."""
    try:
        return _read(file)
    except (struct.error, OSError, OverflowError, ValueError, LookupError):
        return None


def _read(file: IO[bytes]) -> Elf | None:
    head = file.read(LARGEST_HEADER)
    if not head.startswith(MAGIC):
        return None
    width, order = head[4], ORDERS[head[5]]
    _, machine, _, _, start, _, _, _, size, number, *_ = struct.unpack_from(
        order + HEADERS[width], head, IDENTITY
    )
    if number * size > MOST_SEGMENTS:
        return None
    segments = list(_segments(_at(file, start, number * size), order + SEGMENTS[width], size, number))
    found = Elf(MACHINES.get(machine, f"machine {machine}"))
    for segment in segments:
        if segment.kind == INTERPRETER and segment.size <= LONGEST:
            found = found._replace(loader=_text(file, segment.offset, segment.size))
        elif segment.kind == DYNAMIC:
            found = _dynamic(file, segment, segments, order + ENTRIES[width], found)
    return found


def _segments(data: bytes, form: str, size: int, number: int) -> Iterator[_Segment]:
    """Raises struct.error where there are less than so many."""
    for each in range(number):
        fields = struct.unpack_from(form, data, each * size)
        if form.endswith(SEGMENTS[2]):
            kind, _, offset, address, _, length, *_ = fields
        else:
            kind, offset, address, _, length, *_ = fields
        yield _Segment(kind, offset, address, length)


def _dynamic(file: IO[bytes], segment: _Segment, segments: list[_Segment], form: str, found: Elf) -> Elf:
    needed: list[int] = []
    values: dict[int, int] = {}
    size = struct.calcsize(form)
    data = _at(file, segment.offset, min(segment.size, MOST_ENTRIES * size))
    for tag, value in struct.iter_unpack(form, data[: len(data) // size * size]):
        if tag == END:
            break
        if tag != NEEDED:
            values[tag] = value
        elif len(needed) < MOST_NEEDED:
            needed.append(value)
    table = _offset(segments, values[STRINGS]) if STRINGS in values else None
    if table is None:
        return found

    def text(tag: int) -> str:
        return _text(file, table + values[tag], LONGEST) if tag in values else ""

    names = tuple(_text(file, table + each, LONGEST) for each in needed)
    return found._replace(needed=names, rpath=text(RPATH), runpath=text(RUNPATH))


def _offset(segments: list[_Segment], address: int) -> int | None:
    """Where in the file an address of its memory is."""
    for each in segments:
        if each.kind == LOAD and each.address <= address < each.address + each.size:
            return address - each.address + each.offset
    return None


def _text(file: IO[bytes], offset: int, most: int) -> str:
    return _at(file, offset, most).split(b"\0", 1)[0].decode("utf-8", "replace")


def _at(file: IO[bytes], offset: int, most: int) -> bytes:
    file.seek(offset)
    return file.read(most)
