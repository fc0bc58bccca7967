"""PURE: the modules of a JVM and their packages, by the index of its file lib/modules.

Source: OpenJDK, jdk.internal.jimage (ImageHeader, ImageLocation, BasicImageReader).
"""

from __future__ import annotations

import struct

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    At = Callable[[int, int], bytes]
    """(offset, size) to so many bytes of a file, fewer at its end."""

MAGIC = 0xCAFEDADA
HEADER = 28
MOST_ENTRIES = 1 << 18
"""A JDK has some 30,000."""
LARGEST_INDEX = 1 << 26
END, MODULE, PARENT = 0, 1, 2
VIRTUAL = ("", "modules", "packages")
"""Not names of modules: where the file lists its own."""


def modules(at: At) -> dict[str, str]:
    """The module of each package (with slashes); nothing where the file is none, or damaged."""
    try:
        return _read(at)
    except (struct.error, LookupError):
        return {}


def _read(at: At) -> dict[str, str]:
    head = at(0, HEADER)
    order = "<" if struct.unpack_from("<I", head)[0] == MAGIC else ">"
    magic, _, _, _, entries, locations, strings = struct.unpack(f"{order}7I", head)
    if magic != MAGIC or entries > MOST_ENTRIES or locations + strings > LARGEST_INDEX:
        return {}
    start = HEADER + 4 * entries  # behind the redirect table
    offsets = struct.unpack(f"{order}{entries}I", at(start, 4 * entries))
    start += 4 * entries
    table, texts = at(start, locations), at(start + locations, strings)
    pairs = {_names(table, offset) for offset in offsets}
    found = {_text(texts, parent): _text(texts, module) for module, parent in pairs}
    return {package: module for package, module in found.items() if package and module not in VIRTUAL}


def _names(table: bytes, at: int) -> tuple[int, int]:
    """Where the names of an entry's module and of its folder are."""
    values = {MODULE: 0, PARENT: 0}
    while (byte := table[at]) >> 3 != END:
        size = (byte & 7) + 1
        if byte >> 3 in values:
            values[byte >> 3] = int.from_bytes(table[at + 1 : at + 1 + size], "big")
        at += 1 + size
    return values[MODULE], values[PARENT]


def _text(texts: bytes, at: int) -> str:
    return texts[at : texts.find(b"\0", at)].decode("utf-8", "replace")
