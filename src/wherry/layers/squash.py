"""Several trees in overlay form as one: what lies below them stays hidden as they hid it."""

from __future__ import annotations

import os
import stat

from wherry.layers.copying import copy_node, finish
from wherry.layers.remove import remove_tree
from wherry.layers.tree import entry_of
from wherry.layers.whiteout import is_opaque, is_whiteout, make_opaque, make_whiteout
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def squash(trees: Sequence[str], into: str) -> None:
    """Merge trees, lowest first, into `into`, an existing empty folder."""
    merged = _Merged(into)
    for tree in trees:
        merged.add(tree)
    merged.finish()


class _Merged:
    def __init__(self, root: str) -> None:
        self._root = root
        # Each folder by its path, and the uppermost one that it comes from.
        self._origins: dict[str, str] = {}

    def add(self, tree: str) -> None:
        self._origins[self._root] = tree
        links: dict[tuple[int, int], str] = {}
        stack = [(tree, self._root)]
        while stack:
            source, target = stack.pop()
            with os.scandir(source) as entries:
                for entry in entries:
                    path = f"{target}/{entry.name}"
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        self._folder(entry.path, path)
                        stack.append((entry.path, path))
                    else:
                        self._file(entry.path, path, status, links)

    def _file(
        self, source: str, path: str, status: os.stat_result, links: dict[tuple[int, int], str]
    ) -> None:
        remove_tree(path)
        if is_whiteout(source, status):
            make_whiteout(path)
            return
        first = path
        if status.st_nlink > 1:
            first = links.setdefault((status.st_dev, status.st_ino), path)
        if first != path and os.path.lexists(first):
            os.link(first, path, follow_symlinks=False)
        else:
            copy_node(source, path)

    def _folder(self, source: str, path: str) -> None:
        """A folder goes on where there is one; in place of a deletion or a file it hides what is below."""
        hides = is_opaque(source)
        self._origins[path] = source
        if os.path.lexists(path):
            if stat.S_ISDIR(os.lstat(path).st_mode) and not hides:
                return
            hides = True
            remove_tree(path)
        os.mkdir(path, 0o700)
        if hides:
            make_opaque(path)

    def finish(self) -> None:
        """Folders get their metadata last, the deepest first: filling them changes their times."""
        for path in sorted(self._origins, key=len, reverse=True):
            if not os.path.isdir(path) or os.path.islink(path):
                continue
            origin = self._origins[path]
            entry = entry_of(b"", os.fsencode(origin), os.stat(origin), {})
            assert entry is not None  # noqa: S101
            finish(path, entry, origin)
