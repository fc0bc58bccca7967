"""PURE: what ldconfig wrote down of the libraries that it found.

Source: glibc's sysdeps/generic/dl-cache.h, the format of 2.32 and later: a header of 48 bytes, entries of
24 (flags, the places of name and path in the file, version, capabilities), and the texts.
"""

from __future__ import annotations

import struct

MAGIC = b"glibc-ld.so.cache1.1"
HEADER = struct.Struct("<20sII20s")
ENTRY = struct.Struct("<iIIIQ")
MOST = 100_000
LONGEST = 4096


def libraries(data: bytes) -> dict[str, list[str]]:
    """The paths of each library by its name, in the order of the cache; none of what is no such cache."""
    found: dict[str, list[str]] = {}
    start = data.find(MAGIC)
    if start < 0 or len(data) < start + HEADER.size:
        return found
    _, count, _, _ = HEADER.unpack_from(data, start)
    first = start + HEADER.size
    for number in range(min(count, MOST, (len(data) - first) // ENTRY.size)):
        _, name, path, _, _ = ENTRY.unpack_from(data, first + number * ENTRY.size)
        found.setdefault(_text(data, start + name), []).append(_text(data, start + path))
    return found


def _text(data: bytes, start: int) -> str:
    end = data.find(b"\0", start, start + LONGEST)
    return data[start : max(end, start)].decode("utf-8", "surrogateescape")
