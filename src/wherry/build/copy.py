"""COPY and ADD: what goes where, what it is for the cache, and the layer it makes, without a mount.

The rules are Docker's: a folder is copied by its contents; a destination with a slash at its end, or that
is a folder, takes files by their names; new folders are 0755; owners are 0:0 unless --chown says otherwise.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from typing import TYPE_CHECKING, NamedTuple

from wherry.errors import ContextError
from wherry.layers.copying import copy_node, finish
from wherry.layers.tree import ROOT_MODE, entry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.build.sources import Found, Source
    from wherry.layers.view import View


class Placed(NamedTuple):
    """A file and its destination, a path inside the image without leading slash ("" is the root)."""

    file: Found
    dest: str


class CopyPlan(NamedTuple):
    """`content` is a digest of everything that is copied and where to, without owners and times.

    `archives` are local tars that ADD unpacks into their destination folder.
    """

    placed: list[Placed]
    archives: list[Placed]
    content: str


def plan_copy(
    source: Source, words: Sequence[str], dest: str, workdir: str, view: View, *, unpack: bool
) -> CopyPlan:
    """Find the sources and decide where each file goes.  Raises ContextError."""
    target = posixpath.join("/", workdir, dest)
    as_folder = dest.endswith(("/", "/.")) or dest in (".", "..")
    found = [file for word in words for file in source.find(word)]
    if len(found) > 1 and not as_folder:
        raise ContextError(
            "with more than one source file, the destination must be a directory and end with a /",
            hint=f"write {dest}/",
        )
    real = view.resolve(target)
    existing = view.find(real)
    if existing is not None and not existing.is_folder and as_folder:
        raise ContextError(f"the destination /{real} is not a directory")
    into = as_folder or (existing is not None and existing.is_folder)
    placed: list[Placed] = []
    archives: list[Placed] = []
    for file in found:
        if file.is_folder:
            placed.append(Placed(file, real))
            cut = len(file.name) + 1 if file.name else 0
            placed += [Placed(below, _join(real, below.name[cut:])) for below in source.below(file)]
        elif unpack and is_archive(file):
            archives.append(Placed(file, real))
        else:
            name = posixpath.basename(file.name)
            placed.append(Placed(file, _join(real, name) if into else real))
    return CopyPlan(placed, archives, _content(source, placed, archives))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _content(source: Source, placed: list[Placed], archives: list[Placed]) -> str:
    digest = hashlib.sha256()
    lines = [f"{dest}\0{source.digest(file)}\n" for file, dest in placed]
    lines += [f"{dest}\0unpack\0{source.digest(file)}\n" for file, dest in archives]
    digest.update("".join(lines).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def is_archive(file: Found) -> bool:
    """Whether ADD unpacks it: a tar, plain or compressed, told by its bytes and not by its name."""
    if not stat.S_ISREG(file.status.st_mode):
        return False
    from wherry.errors import WherryError
    from wherry.layers.compress import decompressed
    from wherry.layers.tarread import TarReader

    try:
        with open(file.path, "rb") as raw:
            return next(iter(TarReader(decompressed(raw))), None) is not None
    except WherryError:
        return False


def write_layer(
    plan: CopyPlan,
    view: View,
    tree: str,
    owner: tuple[int, int],
    mode: int | None,
    mtime: int | None = None,
) -> None:
    """Make the layer's tree in `tree`, an existing empty folder.

    Parents that the image has are repeated with their own metadata, as any layer repeats them.  What is
    copied keeps its time, unless `mtime` (seconds) is given.
    """
    layer = _Layer(view, tree, owner, mode, mtime)
    for placed in plan.placed:
        layer.add(placed)
    for archive in plan.archives:
        layer.unpack(archive)
    layer.finish()


class _Layer:
    def __init__(
        self, view: View, tree: str, owner: tuple[int, int], mode: int | None, mtime: int | None
    ) -> None:
        self._view = view
        self._tree = tree
        self._owner = owner
        self._mode = mode
        self._mtime = mtime
        self._links: dict[tuple[int, int], str] = {}
        # Destination folder -> the host folder whose metadata it gets; None for a new one.
        self._folders: dict[str, tuple[str, bool] | None] = {}

    def add(self, placed: Placed) -> None:
        file, dest = placed
        if file.is_folder:
            self._folder(dest, file)
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
        copy_node(file.path, host, owner=self._owner, mode=self._mode, mtime=self._mtime)

    def _folder(self, dest: str, file: Found) -> None:
        if not dest:
            return
        self._parents(dest)
        host = f"{self._tree}/{dest}"
        existing = self._view.find(dest, follow_last=False)
        if existing is not None and existing.is_folder:
            # The image's folder stays as it is; files are put into it.
            self._make(dest, (existing.path, False))
        elif os.path.lexists(host) and dest not in self._folders:
            raise ContextError(f"cannot copy the directory /{file.name} over the file /{dest}")
        else:
            self._make(dest, (file.path, True))

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
            self._make(name, (existing.path, False) if existing is not None else None)

    def _make(self, dest: str, origin: tuple[str, bool] | None) -> None:
        if dest not in self._folders:
            os.mkdir(f"{self._tree}/{dest}", 0o700)
        self._folders.setdefault(dest, origin)

    def unpack(self, archive: Placed) -> None:
        from wherry.layers.compress import decompressed
        from wherry.layers.tarread import TarReader
        from wherry.layers.unpack import Unpacker

        file, dest = archive
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
            path, new = origin
            entry = entry_of(b"", os.fsencode(path), os.stat(path), {})
            assert entry is not None  # noqa: S101
            if new:
                entry = entry._replace(
                    uid=self._owner[0],
                    gid=self._owner[1],
                    mode=entry.mode if self._mode is None else self._mode,
                )
            finish(host, entry, path, mtime=self._mtime if new else None)
