"""Which package brought a file of an image, by the lists that package managers keep."""

from __future__ import annotations

import posixpath
import stat

from wherry.errors import ContextError
from wherry.packages import apk, dpkg, python, rpm
from wherry.packages.find import read_record
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.layers.view import Node, View
    from wherry.packages.package import Package

MOST = 4_000_000
"""Names in all lists together."""
LONGEST = 1024
"""Characters of a name."""


class Owners:
    """Of the files of one view.

    Lists name files as their packages do (``/lib/x``), where the image may have a link from ``/lib`` to
    ``/usr/lib``: both names are one here.  What a list names need not be there.
    """

    def __init__(self, view: View, packages: Iterable[Package]) -> None:
        """Reads the lists of `packages`, which are find_packages()'s of the view.  A damaged list tells
        nothing."""
        self._view = view
        self._nodes: dict[str, Node | None] = {}
        self._files: dict[str, Package] = {}
        self._folders: dict[str, Package] = {}
        for number, (name, package) in enumerate(self._listed(packages)):
            if number >= MOST:
                break
            if len(name) > LONGEST:
                continue
            self._files.setdefault(self._resolved(name), package)

    def of(self, name: str) -> Package | None:
        """Of a file of the view, by its path without a leading slash and without links among its folders.

        npm's packages keep no lists: all below the folder of one is its own, the nearest counts.
        """
        found = self._files.get(name)
        while found is None and name:
            name = posixpath.dirname(name)
            found = self._folders.get(name)
        return found

    def _listed(self, packages: Iterable[Package]) -> Iterator[tuple[str, Package]]:
        """(name, package) of every list; a database with the files of many is read once."""
        together: dict[str, dict[tuple[str, str], Package]] = {}
        for package in packages:
            record = package.path.removeprefix("/")
            if package.kind == "deb":
                yield from ((name, package) for name in self._of_deb(package, record))
            elif package.kind in ("apk", "rpm"):
                key = package.name, package.architecture
                together.setdefault(record, {})[key] = package
            elif package.kind == "pypi":
                yield from ((name, package) for name in self._of_python(record))
            elif package.kind == "npm":
                self._folders[posixpath.dirname(record)] = package
            elif "!/" not in record:
                yield record, package
        for record, known in together.items():
            yield from self._of_database(record, known)

    def _of_deb(self, package: Package, record: str) -> Iterator[str]:
        if record != dpkg.STATUS:
            yield from dpkg.checksummed(self._read(f"{record}.md5sums"))
            return
        for name in (package.name, f"{package.name}:{package.architecture}"):
            yield from dpkg.listed(self._read(f"{dpkg.LISTS}{name}.list"))

    def _of_python(self, record: str) -> Iterator[str]:
        folder = posixpath.dirname(record)
        if record.endswith(python.ENDS[0]):
            for name in python.recorded(self._read(f"{folder}/RECORD")):
                yield posixpath.normpath(posixpath.join(posixpath.dirname(folder), name)).lstrip("/")
        else:
            yield record

    def _of_database(
        self, record: str, known: dict[tuple[str, str], Package]
    ) -> Iterator[tuple[str, Package]]:
        if record in rpm.DATABASES:
            node = self._view.find(record, follow_last=False)
            files = rpm.files(node.path) if node is not None and stat.S_ISREG(node.status.st_mode) else ()
        else:
            files = apk.files(self._read(record))
        for key, name in files:
            if key in known:
                yield name, known[key]

    def _read(self, name: str) -> bytes:
        """Empty for what is not there, and for what is no file."""
        try:
            node = self._view.find(name, follow_last=False)
        except ContextError:
            return b""
        if node is None or not stat.S_ISREG(node.status.st_mode):
            return b""
        return read_record(node)

    def _resolved(self, name: str) -> str:
        """With the links among its folders followed; as it is where they lead nowhere."""
        folder, last = posixpath.split(name)
        found = self._folder(folder)
        if found is None:
            return name
        return f"{found.name}/{last}" if found.name else last

    def _folder(self, path: str) -> Node | None:
        """Each is looked up once, beginning with the one above it."""
        node, place = self._view.root(), ""
        if not path or path in self._nodes:
            return self._nodes.get(path, node)
        for part in path.split("/"):
            place = f"{place}/{part}" if place else part
            if place not in self._nodes:
                self._nodes[place] = self._below(node, part, place)
            node = self._nodes[place]
        return node

    def _below(self, above: Node | None, part: str, place: str) -> Node | None:
        if above is None or part in ("", ".", ".."):
            return None
        node = self._view.child(above, part)
        if node is not None and node.is_symlink:
            try:
                node = self._view.find(place)
            except ContextError:
                return None
        return node if node is not None and node.is_folder else None
