"""The files of an image, found by path with the links on the way, and read with a limit."""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat

from wherry.errors import ContextError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.layers.view import Node, View

LARGEST = 1 << 26
"""Bytes of a program that are searched."""
LARGEST_TEXT = 4 << 20


class Trail(NamedTuple):
    """`links` are the symlinks on the way to `end`, None where the path leads nowhere."""

    links: tuple[Node, ...]
    end: Node | None


class Files:
    """Of one view.  Names have no leading slash; those of results have no links among their folders."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._lists: dict[str, tuple[str, ...]] = {}
        self._trails: dict[str, Trail] = {}

    def trail(self, path: str) -> Trail:
        """A loop of links leads nowhere, and is no error.  Each path is looked up once."""
        if path not in self._trails:
            links: list[Node] = []
            end = None
            if "\0" not in path:
                with contextlib.suppress(ContextError):
                    end = self.view.find(path, links=links)
            self._trails[path] = Trail(tuple(links), end)
        return self._trails[path]

    def find(self, path: str) -> Node | None:
        """What a path leads to."""
        return self.trail(path).end

    def is_file(self, path: str) -> bool:
        node = self.find(path)
        return node is not None and stat.S_ISREG(node.status.st_mode)

    def is_folder(self, path: str) -> bool:
        node = self.find(path)
        return node is not None and node.is_folder

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder; none where it is none."""
        node = self.find(folder)
        if node is None or not node.is_folder:
            return ()
        if node.name not in self._lists:
            self._lists[node.name] = tuple(self.view.list(node))
        return self._lists[node.name]

    def glob(self, pattern: str) -> list[str]:
        """The paths that a pattern means; wildcards match no slash.  A path without any is itself, if
        there is such a name."""
        from wherry.dockerfile import glob

        found = ["/"]
        for part in [p for p in pattern.split("/") if p]:
            if not any(wildcard in part for wildcard in "*?["):
                found = [posixpath.join(each, part) for each in found]
                continue
            found = [
                posixpath.join(each, name)
                for each in found
                for name in self.names(each)
                if glob.match(part, name)
            ]
        return [each for each in found if self._has(each)]

    def _has(self, path: str) -> bool:
        """Whether there is such a name, perhaps a link that leads nowhere."""
        with contextlib.suppress(ContextError):
            return "\0" not in path and self.view.find(path, follow_last=False) is not None
        return False

    def data(self, node: Node, most: int = LARGEST) -> bytes:
        """The first bytes of a regular file; empty for what is none, or cannot be read."""
        if not stat.S_ISREG(node.status.st_mode):
            return b""
        try:
            file = os.open(node.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return b""
        with open(file, "rb") as stream:
            return stream.read(most)

    def text(self, path: str) -> str:
        """A text of the image; empty for what is none, or larger than texts are."""
        node = self.find(path)
        if node is None or node.status.st_size > LARGEST_TEXT:
            return ""
        return self.data(node).decode("utf-8", "replace")

    def inside(self, folder: str, left_out: frozenset[str]) -> Iterator[str]:
        """The paths of the files below a folder, links followed, without folders of some names; each folder
        once."""
        waiting, seen = [folder], set()
        while waiting:
            here = waiting.pop()
            found = self.find(here)
            if found is None or found.name in seen:
                continue
            seen.add(found.name)
            for name in self.names(here):
                path = f"{here}/{name}"
                if not self.is_folder(path):
                    yield path
                elif name not in left_out:
                    waiting.append(path)

    def below(self, folder: Node) -> Sequence[Node]:
        """Everything below a folder."""
        try:
            return tuple(self.view.walk(folder))
        except ContextError:
            return ()
