"""COPY and ADD: the layer that they make, written as a tree without a mount."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, NamedTuple

from wherry.errors import ContextError
from wherry.layers.copying import altered, copy_node, finish
from wherry.layers.tree import ROOT_MODE, entry_of

if TYPE_CHECKING:
    from wherry.build.copy_plan import CopyPlan, Placed
    from wherry.dockerfile.chmod import Chmod
    from wherry.layers.view import View


def write_layer(
    plan: CopyPlan,
    view: View,
    tree: str,
    owner: tuple[int, int],
    mode: Chmod | None,
    mtime: int | None = None,
) -> None:
    """Make the layer's tree in `tree`, an existing empty folder.

    Parents that the image has are repeated with their own metadata, as any layer repeats them.  What is
    copied keeps its time, unless `mtime` (seconds) is given, which files without a date of their own get.
    """
    for source in plan.sources:
        source.ready()
    layer = _Layer(view, tree, owner, mode, mtime)
    for placed in plan.placed:
        layer.add(placed)
    for archive in plan.archives:
        layer.unpack(archive)
    layer.finish()


class _Origin(NamedTuple):
    """The host folder whose metadata a folder gets: one of the image, or a `new` one of the source."""

    path: str
    new: bool = False
    dateless: bool = False


class _Layer:
    def __init__(
        self, view: View, tree: str, owner: tuple[int, int], mode: Chmod | None, mtime: int | None
    ) -> None:
        self._view = view
        self._tree = tree
        self._owner = owner
        self._mode = mode
        self._mtime = mtime
        self._links: dict[tuple[int, int], str] = {}
        self._folders: dict[str, _Origin | None] = {}  # None: a new one

    def add(self, placed: Placed) -> None:
        file, dest, dateless = placed
        if file.is_folder:
            self._folder(placed)
            return
        self._parents(dest)
        host = f"{self._tree}/{dest}"
        if os.path.lexists(host):
            if dest in self._folders:
                raise ContextError(f"cannot copy /{file.name} over the directory /{dest}")
            os.unlink(host)
        if file.status.st_nlink > 1:
            first = self._links.setdefault((file.status.st_dev, file.status.st_ino), host)
            if first != host and os.path.lexists(first):
                os.link(first, host, follow_symlinks=False)
                return
        mtime = self._mtime if dateless else None
        copy_node(file.path, host, owner=self._owner, mode=self._mode, mtime=mtime)

    def _folder(self, placed: Placed) -> None:
        file, dest, dateless = placed
        if not dest:
            return
        self._parents(dest)
        host = f"{self._tree}/{dest}"
        existing = self._view.find(dest, follow_last=False)
        if existing is not None and existing.is_folder:
            # The image's folder stays as it is; files are put into it.
            self._make(dest, _Origin(existing.path))
        elif os.path.lexists(host) and dest not in self._folders:
            raise ContextError(f"cannot copy the directory /{file.name} over the file /{dest}")
        else:
            self._make(dest, _Origin(file.path, True, dateless))

    def _parents(self, dest: str) -> None:
        parent = posixpath.dirname(dest)
        if parent in self._folders or not parent:
            return
        parts = parent.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            if name in self._folders:
                continue
            existing = self._view.find(name, follow_last=False)
            if existing is not None and not existing.is_folder:
                raise ContextError(f"cannot copy below /{name}: it is not a directory")
            self._make(name, _Origin(existing.path) if existing is not None else None)

    def _make(self, dest: str, origin: _Origin | None) -> None:
        if dest not in self._folders:
            os.mkdir(f"{self._tree}/{dest}", 0o700)
        self._folders.setdefault(dest, origin)

    def unpack(self, archive: Placed) -> None:
        from wherry.layers.compress import decompressed
        from wherry.layers.tarread import TarReader
        from wherry.layers.unpack import Unpacker

        file, dest, _ = archive
        self._parents(dest + "/x" if dest else "x")
        unpacker = Unpacker(f"{self._tree}/{dest}" if dest else self._tree, file.name, markers=False)
        with open(file.path, "rb") as raw:
            reader = TarReader(decompressed(raw), file.name)
            for member in reader:
                unpacker.add(member, reader.data())
        unpacker.finish()

    def finish(self) -> None:
        """Folders get their metadata last: filling them changes their times."""
        for dest in sorted(self._folders, reverse=True):
            origin = self._folders[dest]
            host = f"{self._tree}/{dest}"
            if origin is None:
                os.chown(host, *self._owner)
                os.chmod(host, ROOT_MODE)
                continue
            path, new, dateless = origin
            entry = entry_of(b"", os.fsencode(path), os.stat(path), {})
            assert entry is not None  # noqa: S101
            if new:
                entry = altered(entry, self._owner, self._mode)
            finish(host, entry, path, mtime=self._mtime if dateless else None)
