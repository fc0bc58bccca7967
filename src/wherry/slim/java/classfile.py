"""PURE: which packages and modules a Java class file names.

Source: the Java Virtual Machine Specification, chapter 4 (class files).
"""

from __future__ import annotations

import struct

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"\xca\xfe\xba\xbe"
TEXT, CLASS, MODULE = 1, 7, 19
# Bytes of an entry of the constant pool after its tag; long and double take two places of it.
SIZES = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    CLASS: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    MODULE: 2,
    20: 2,
}
WIDE = (5, 6)
DESCRIBED = pattern(rb"L([^;:<>.\[()]+)/[^;:<>.\[()/]+[;<]")
"""In descriptors and signatures: (Ljava/lang/String;I)V"""


class Named(NamedTuple):
    """`packages` with slashes (java/util), `modules` as a module-info.class requires them."""

    packages: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()


def named(data: bytes) -> Named:
    """What a class file names; nothing of what is none, or a damaged one."""
    if not data.startswith(MAGIC):
        return Named()
    try:
        texts, classes, modules = _pool(data)
    except (struct.error, LookupError):
        return Named()
    packages = {name.rpartition(b"/")[0] for name in classes if not name.startswith(b"[")}
    for text in (*texts, *classes):
        if text.startswith((b"(", b"L", b"[", b"<")):
            packages.update(DESCRIBED.findall(text))
    return Named(frozenset(_words(packages)), frozenset(_words(modules)))


def _words(names: set[bytes]) -> Iterator[str]:
    return (name.decode("utf-8", "replace") for name in names if name)


def _pool(data: bytes) -> tuple[list[bytes], set[bytes], set[bytes]]:
    """Texts of the constant pool, and which of them are names of classes and of modules."""
    (count,) = struct.unpack_from(">H", data, 8)
    texts: dict[int, bytes] = {}
    named: dict[int, set[int]] = {CLASS: set(), MODULE: set()}
    at, number = 10, 1
    while number < count:
        tag = data[at]
        if tag == TEXT:
            (size,) = struct.unpack_from(">H", data, at + 1)
            texts[number] = data[at + 3 : at + 3 + size]
            at += 3 + size
        else:
            if tag in named:
                named[tag].add(struct.unpack_from(">H", data, at + 1)[0])
            at += 1 + SIZES[tag]
        number += 2 if tag in WIDE else 1
    classes, modules = ({texts[each] for each in named[tag]} for tag in (CLASS, MODULE))
    return list(texts.values()), classes, modules
