"""Which modules of a JVM the jars and classes of a program need, as far as they name them."""

from __future__ import annotations

import io
import os
import zipfile
import zlib

from wherry.slim.java.classfile import named
from wherry.slim.java.jimage import modules
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

BASE = "java.base"
ELLIPTIC = "jdk.crypto.ec"
TLS = ("javax/net/ssl", "java/net/http")
"""Most servers' certificates are of elliptic curves, which are a provider that no class names."""
LARGEST = 1 << 26
"""Bytes of one class, or of a jar in a jar."""
MOST_MEMBERS = 200_000
DEEPEST = 3
DAMAGED = (
    zipfile.BadZipFile,
    LookupError,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OSError,
)


def needed(runtime: str, paths: Iterable[str]) -> list[str]:
    """The names of modules, java.base first, of the JVM whose lib/modules is the file `runtime`.

    `paths` are jars and class files.  A damaged one says nothing; what is only loaded by a name that is
    made while the program runs is not found.
    """
    known = provided(runtime)
    names = set(known.values())
    found, packages = {BASE}, set[str]()
    for data in _classes(paths):
        one = named(data)
        packages |= one.packages
        found |= one.modules & names
    found |= {known[package] for package in packages if package in known}
    if not packages.isdisjoint(TLS):
        found |= {ELLIPTIC} & names
    return sorted(found, key=lambda name: (name != BASE, name))


def provided(runtime: str) -> dict[str, str]:
    """The module of each package of a JVM, by its lib/modules."""
    number = os.open(runtime, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return modules(lambda at, size: os.pread(number, size, at))
    finally:
        os.close(number)


def _classes(paths: Iterable[str]) -> Iterator[bytes]:
    for path in paths:
        try:
            with open(path, "rb") as file:
                if path.endswith(".class"):
                    yield file.read(LARGEST)
                else:
                    yield from _of_jar(file, 0)
        except DAMAGED:
            continue


def _of_jar(file: IO[bytes], depth: int) -> Iterator[bytes]:
    with zipfile.ZipFile(file) as jar:
        for member in jar.infolist()[:MOST_MEMBERS]:
            if not member.filename.endswith((".class", ".jar")) or member.file_size > LARGEST:
                continue
            try:
                data = jar.read(member)
                if member.filename.endswith(".class"):
                    yield data
                elif depth < DEEPEST:
                    yield from _of_jar(io.BytesIO(data), depth + 1)
            except DAMAGED:
                continue
