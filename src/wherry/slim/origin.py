"""Which package of the system brought a file, without a walk over the image."""

from __future__ import annotations

import posixpath
import stat

from wherry.packages import dpkg
from wherry.packages.find import read_record
from wherry.packages.lists import listed
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        return listed(self._data, self._files.names(dpkg.FOLDER))

    def _data(self, name: str) -> bytes:
        node = self._files.find(name)
        return read_record(node) if node is not None and stat.S_ISREG(node.status.st_mode) else b""
