"""Which package of the system brought a file, without a walk over the image."""

from __future__ import annotations

import posixpath
import stat

from wherry.packages import apk, dpkg
from wherry.packages.find import read_record
from wherry.packages.osrelease import OsRelease
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.packages.package import Package
    from wherry.slim.files import Files

MOST_FILES = 20_000


class Origin:
    """Of the packages of dpkg and apk; the lists are read when they are first asked for.

    `packages.owners` resolves the links in every name of every list; here the few names that are asked for
    are looked up under both of the names that a merged /usr gives them.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._owners: dict[str, Package] | None = None

    def package(self, name: str) -> Package | None:
        """Of a file, by its name without a leading slash and without links among its folders."""
        if self._owners is None:
            self._owners = dict(self._listed())
        return self._owners.get(name) or self._owners.get(name.removeprefix("usr/"))

    def same(self, name: str, folder: str) -> bool:
        """Whether all files in a folder are of the source package that a file is of.  Of a file that no
        package brought: whether the folder has its name."""
        mine = self.package(name)
        if mine is None:
            return posixpath.basename(folder) == posixpath.basename(name)
        found = self._files.find(folder)
        if found is None:
            return False
        some = False
        for number, node in enumerate(self._files.view.walk(found)):
            if number > MOST_FILES:
                return False
            if node.is_folder:
                continue
            other = self.package(node.name)
            if other is None or other.source != mine.source:
                return False
            some = True
        return some

    def _listed(self) -> Iterator[tuple[str, Package]]:
        """(name, package) of the lists of dpkg, those of Distroless, and the database of apk."""
        for package in self._of(dpkg.STATUS, dpkg.packages):
            for name in (package.name, f"{package.name}:{package.architecture}"):
                yield from ((each, package) for each in dpkg.listed(self._data(f"{dpkg.LISTS}{name}.list")))
        for name in self._files.names(dpkg.FOLDER):
            record = dpkg.FOLDER + name
            if dpkg.is_record(record):
                for package in self._of(record, dpkg.packages):
                    files = dpkg.checksummed(self._data(f"{record}.md5sums"))
                    yield from ((each, package) for each in files)
        for record in apk.INSTALLED:
            known = {(each.name, each.architecture): each for each in self._of(record, apk.packages)}
            yield from ((each, known[key]) for key, each in apk.files(self._data(record)) if key in known)

    def _of(
        self, record: str, read: Callable[[bytes, str, OsRelease], Iterator[Package]]
    ) -> Iterator[Package]:
        return read(self._data(record), "/" + record, OsRelease())

    def _data(self, name: str) -> bytes:
        node = self._files.find(name)
        return read_record(node) if node is not None and stat.S_ISREG(node.status.st_mode) else b""
