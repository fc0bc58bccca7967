"""All packages of an image, in one walk over its files."""

from __future__ import annotations

import os
import stat
from itertools import islice

from wherry.errors import ContextError
from wherry.packages import apk, dpkg, gem, golang, java, npm, osrelease, python, rpm
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from wherry.layers.view import Node, View
    from wherry.packages.osrelease import OsRelease
    from wherry.packages.package import Package

LARGEST = 1 << 26
"""Bytes of a record that are read: Debian's of a whole desktop has 5 MiB."""
MOST = 200_000


class Found(NamedTuple):
    """`unread` are records of package managers that are there and cannot be read."""

    system: OsRelease
    packages: tuple[Package, ...]
    unread: tuple[str, ...] = ()


def find_packages(view: View) -> Found:
    """In the order of their kinds and names.  A record that is damaged tells nothing."""
    root = view.root()
    if root is None:
        return Found(osrelease.OsRelease(), ())
    system = _system(view)
    found: dict[Package, None] = {}
    unread: list[str] = []
    for node in view.walk(root):
        if not stat.S_ISREG(node.status.st_mode):
            continue
        if node.name in rpm.UNREAD:
            unread.append(f"/{node.name}")
        found.update(dict.fromkeys(islice(_of(node, system), MOST - len(found))))
        if len(found) >= MOST:
            break
    return Found(system, tuple(sorted(_with_license(view, each) for each in found)), tuple(unread))


def _with_license(view: View, package: Package) -> Package:
    """A Debian package's license stands among its documentation, which may be that of another package."""
    if package.kind != "deb":
        return package
    try:
        node = view.find(dpkg.COPYRIGHT.format(package.name))
    except ContextError:
        return package
    if node is None or not stat.S_ISREG(node.status.st_mode):
        return package
    return package._replace(license=dpkg.licenses(read_record(node, dpkg.LARGEST_COPYRIGHT)))


def _system(view: View) -> OsRelease:
    for place in osrelease.PLACES:
        node = view.find(place)
        if node is not None and stat.S_ISREG(node.status.st_mode):
            return osrelease.parse(read_record(node))
    return osrelease.OsRelease()


def _of(node: Node, system: OsRelease) -> Iterator[Package]:
    name, path = node.name, "/" + os.fsencode(node.name).decode("utf-8", "replace")
    if dpkg.is_record(name):
        yield from dpkg.packages(read_record(node), path, system)
    elif name in apk.INSTALLED:
        yield from apk.packages(read_record(node), path, system)
    elif name in rpm.DATABASES:
        yield from rpm.packages(node.path, path, system)
    elif (reader := _reader(name)) is not None:
        package = reader(read_record(node), path)
        if package is not None:
            yield package
    elif name.lower().endswith(java.ENDS):
        with _open(node) as file:
            yield from java.packages(file, path)
    elif node.status.st_mode & 0o111:
        with _open(node) as file:
            if file.read(4) == b"\x7fELF":
                yield from golang.packages(file, path)


def _reader(name: str) -> Callable[[bytes, str], Package | None] | None:
    """Of a file that tells of one package; None for another."""
    if name.endswith(python.ENDS):
        return python.package
    if name.endswith("/package.json") and npm.PLACE.match(name):
        return npm.package
    if name.endswith(".gemspec") and gem.PLACE.match(name):
        return gem.package
    return None


def _open(node: Node) -> IO[bytes]:
    return open(os.open(node.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def read_record(node: Node, most: int = LARGEST) -> bytes:
    """A file of a view, as far as one is read."""
    with _open(node) as file:
        return file.read(most)
