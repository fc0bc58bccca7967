"""The modules that a Go program was built of.  Source: the documentation of Go's debug/buildinfo.

A block in the program's data begins with a mark.  Go 1.18 and later write two strings behind it; before,
there were two pointers to strings.
"""

from __future__ import annotations

import struct
from itertools import islice

from wherry.packages.elf import DAMAGED, Elf
from wherry.packages.package import Package
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

MAGIC = b"\xff Go buildinf:"
ALIGNED, SIZE = 16, 32
REACH = 1 << 20
"""Bytes of the data that are looked through."""
MOST_WRITABLE = 4
LARGEST = 1 << 22
VERSIONS = ("go", "devel ")
SENTINEL = 16
"""Bytes before and behind the module lines, by which Go itself finds them."""
MOST_MODULES = 10_000


def packages(file: IO[bytes], path: str) -> Iterator[Package]:
    """Nothing for what is no Go program, or a damaged one."""
    version, lines = build_info(file)
    if version:
        yield Package("golang", "stdlib", version.split(" ")[0].removeprefix("go"), path=path)
    modules: list[tuple[str, str]] = []
    for line in lines.split("\n")[: MOST_MODULES * 2]:
        kind, *words = line.split("\t")
        if kind in ("mod", "dep") and len(words) >= 2:
            modules.append((words[0], words[1]))
        elif kind == "=>" and len(words) >= 2 and modules and not words[0].startswith(("./", "../", "/")):
            modules[-1] = words[0], words[1]  # of the one before; a folder has no name that others know
    for name, number in modules:
        folder, _, last = name.rpartition("/")
        if last:
            yield Package("golang", last, "" if number == "(devel)" else number, folder, path=path)


def build_info(file: IO[bytes]) -> tuple[str, str]:
    """The version of Go, and the lines that tell of modules; "" for what is not there."""
    try:
        elf = Elf(file)
        found = _block(elf)
        version, lines = _read(elf, *found) if found is not None else ("", "")
    except DAMAGED:
        return "", ""
    return (version, lines) if version.startswith(VERSIONS) else ("", "")


def _block(elf: Elf) -> tuple[int, bytes] | None:
    """Where the block begins in the file, and its first bytes."""
    for begin, size in _data(elf):
        data = elf.read(begin, min(size, REACH))
        at = data.find(MAGIC)
        while at >= 0:
            if at % ALIGNED == 0 and len(data) >= at + SIZE:
                return begin + at, data[at : at + SIZE]
            at = data.find(MAGIC, at + 1)
    return None


def _data(elf: Elf) -> Iterator[tuple[int, int]]:
    section = elf.section(b".go.buildinfo")
    if section is not None:
        yield section.offset, section.size + SIZE
        return
    writable = (segment for segment in elf.segments() if segment.is_writable)
    for segment in islice(writable, MOST_WRITABLE):
        yield segment.offset, segment.size


def _read(elf: Elf, begin: int, head: bytes) -> tuple[str, str]:
    pointer, flags = head[14], head[15]
    if flags & 2:
        data = elf.read(begin + SIZE, LARGEST)
        version, place = _inline(data, 0)
        lines, _ = _inline(data, place)
    else:
        order = ">" if flags & 1 else "<"
        read = _pointers(elf, order, pointer)
        version, lines = (read(16 + pointer * index, head) for index in (0, 1))
    return version.decode("utf-8", "replace"), _modules(lines)


def _modules(lines: bytes) -> str:
    if len(lines) < 2 * SENTINEL + 1 or lines[-SENTINEL - 1] != 0x0A:
        return ""
    return lines[SENTINEL:-SENTINEL].decode("utf-8", "replace")


def _inline(data: bytes, place: int) -> tuple[bytes, int]:
    """A string behind its length (a varint), and the place behind it."""
    size = shift = 0
    while shift < 35:
        byte = data[place]
        place += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return data[place : place + size], place + size
    raise ValueError("a length without an end")


def _pointers(elf: Elf, order: str, size: int) -> Callable[[int, bytes], bytes]:
    """Reads the string whose header a pointer of the block leads to."""
    form = {4: "I", 8: "Q"}[size]

    def at(address: int, count: int) -> bytes:
        for segment in elf.segments():
            inside = address - segment.address
            if 0 <= inside < segment.size:
                return elf.read(segment.offset + inside, min(count, LARGEST))
        return b""

    def read(place: int, head: bytes) -> bytes:
        (header,) = struct.unpack_from(order + form, head, place)
        address, count = struct.unpack(order + form * 2, at(header, 2 * size))
        return at(address, count)

    return read
