"""PURE: changes as a tree of folders, of which a screen shows what is opened."""

from __future__ import annotations

from wherry.explore.stack import ADDED, CHANGED, REMOVED
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.explore.stack import Change

MARKS = {ADDED: "+", CHANGED: "~", REMOVED: "-"}


class Folder:
    """A name and all below it.  `size` are the bytes that it brings, `count` its changes."""

    __slots__ = ("below", "change", "count", "name", "size")

    def __init__(self, name: str) -> None:
        self.name = name
        self.change: Change | None = None
        self.below: dict[str, Folder] = {}
        self.size = 0
        self.count = 0

    @property
    def mark(self) -> str:
        """ "+", "~" or "-" of a change; " " of a folder that is only on the way."""
        return MARKS[self.change.kind] if self.change is not None else " "

    def entries(self) -> list[Folder]:
        """The largest first."""
        return sorted(self.below.values(), key=lambda one: (-one.size, one.name))


def tree(changes: Iterable[Change], words: str = "", kind: str = "") -> Folder:
    """Those whose path has every word (case does not matter) and, if asked for, that are of a kind."""
    wanted = words.lower().split()
    top = Folder("")
    bodies: set[int] = set()
    for change in changes:
        path = change.path.lower()
        if (kind and change.kind != kind) or not all(word in path for word in wanted):
            continue
        size = change.size
        if change.now is not None and id(change.now.content) in bodies:
            size = 0  # a hard link: the bytes are another name's
        if change.now is not None and change.now.content is not None:
            bodies.add(id(change.now.content))
        _add(top, change, size)
    return top


def _add(top: Folder, change: Change, size: int) -> None:
    node = top
    node.size, node.count = node.size + size, node.count + 1
    for part in change.path.split("/"):
        node = node.below.setdefault(part, Folder(part))
        node.size, node.count = node.size + size, node.count + 1
    node.change = change
