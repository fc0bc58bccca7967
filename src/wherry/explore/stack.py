"""PURE: layers on top of each other: what each adds, changes and removes, and which bytes nobody sees.

The rules are those of OCI image-spec, layer.md: the uppermost entry of a name counts, folders merge, a
whiteout and an opaque folder hide what lies below their own layer.
"""

from __future__ import annotations

from wherry.explore.model import FOLDER
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.explore.model import File, LayerFiles

ADDED, CHANGED, REMOVED = "added", "changed", "removed"


class Placed(NamedTuple):
    """A file and the number of its layer, from 0 for the lowest."""

    file: File
    layer: int

    @property
    def body(self) -> tuple[int, int]:
        """Which bytes of the image are its."""
        return self.layer, self.file.body


class Change(NamedTuple):
    """What a layer does to one path: `now` is what it puts there, `before` what was there, if anything.

    `kind` is ADDED, CHANGED or REMOVED.  Of a folder that only gets other files inside there is no change.
    """

    kind: str
    path: str
    now: File | None
    before: Placed | None

    @property
    def size(self) -> int:
        """The bytes that it brings."""
        return self.now.size if self.now is not None else 0


class Hidden(NamedTuple):
    """Bytes of `placed` that the layer `by` overwrote or removed (`kind`): no name shows them any more."""

    placed: Placed
    by: int
    kind: str

    @property
    def size(self) -> int:
        return self.placed.file.size


class Stack(NamedTuple):
    """`changes` of each layer, lowest first; `files` are all names that the image shows, by path, folders
    that no layer has an entry for left out."""

    changes: tuple[tuple[Change, ...], ...]
    files: tuple[Placed, ...]
    hidden: tuple[Hidden, ...]


def stack(layers: Sequence[LayerFiles]) -> Stack:
    """Put layers on top of each other, lowest first."""
    building = _Building()
    changes = tuple(building.add(number, layer) for number, layer in enumerate(layers))
    files = sorted(building.files(), key=lambda placed: placed.file.path.split("/"))
    return Stack(changes, tuple(files), tuple(building.hidden))


class _Node:
    __slots__ = ("children", "placed")

    def __init__(self) -> None:
        self.placed: Placed | None = None
        self.children: dict[str, _Node] = {}


def _child(node: _Node, name: str) -> _Node:
    """The node below that has this name, a new one where there is none."""
    found = node.children.get(name)
    if found is None:
        found = node.children[name] = _Node()
    return found


class _Building:
    def __init__(self) -> None:
        self._root = _Node()
        self._names: dict[tuple[int, int], int] = {}
        self._number = 0
        self._gone: dict[str, Placed] = {}
        self._changes: dict[str, Change] = {}
        self._merged: dict[str, Placed] = {}
        self.hidden: list[Hidden] = []

    def add(self, number: int, layer: LayerFiles) -> tuple[Change, ...]:
        self._number, self._gone, self._changes, self._merged = number, {}, {}, {}
        for path in layer.whiteouts:
            self._white_out(path)
        for path in layer.opaque:
            node = self._find(path)
            if node is not None:
                self._clear(node)
        for file in layer.files:
            self._put(file)
        self._settle()
        return tuple(
            self._changes[path] for path in sorted(self._changes, key=lambda path: path.split("/"))
        )

    def files(self) -> Iterator[Placed]:
        return (placed for _, placed in _below(self._root))

    def _put(self, file: File) -> None:
        above, _, name = file.path.rpartition("/")
        node = self._made(above) if above else self._root
        if name:
            node = _child(node, name)
        before = node.placed
        if file.type != FOLDER and node.children:
            self._clear(node)
        if before is not None and before.file.type == file.type == FOLDER and before.layer != self._number:
            self._merged[file.path] = before
            if before.file[3:6] != file[3:6]:
                self._changes[file.path] = Change(CHANGED, file.path, file, before)
        else:
            if before is not None:
                self._leave(before)
            gone = self._gone.pop(file.path, None)
            self._changes[file.path] = Change(CHANGED if gone else ADDED, file.path, file, gone)
        node.placed = Placed(file, self._number)
        body = (self._number, file.body)
        self._names[body] = self._names.get(body, 0) + 1

    def _made(self, path: str) -> _Node:
        """What has something below it is a folder, whatever it was."""
        node = self._root
        for part in path.split("/"):
            node = _child(node, part)
            if node.placed is not None and node.placed.file.type != FOLDER:
                self._leave(node.placed)
                node.placed = None
        return node

    def _find(self, path: str) -> _Node | None:
        node: _Node | None = self._root
        for part in path.split("/") if path else ():
            node = node.children.get(part) if node is not None else None
        return node

    def _white_out(self, path: str) -> None:
        above, _, name = path.rpartition("/")
        folder = self._find(above)
        node = folder.children.pop(name, None) if folder is not None else None
        if node is not None:
            self._clear(node)
            if node.placed is not None:
                self._leave(node.placed)

    def _clear(self, node: _Node) -> None:
        for _, placed in _below(node):
            if placed is not node.placed:
                self._leave(placed)
        node.children = {}

    def _leave(self, placed: Placed) -> None:
        """A name is gone, perhaps to come again in this very layer."""
        self._names[placed.body] -= 1
        if placed.layer != self._number:
            self._gone.setdefault(placed.file.path, placed)
        else:
            change = self._changes.pop(placed.file.path, None)
            before = self._merged.pop(placed.file.path, None) or (change.before if change else None)
            if before is not None:
                self._gone[placed.file.path] = before
        if not self._names[placed.body] and placed.file.size:
            self.hidden.append(Hidden(placed, self._number, REMOVED))

    def _settle(self) -> None:
        """What is gone and did not come again is removed."""
        for path, placed in self._gone.items():
            self._changes[path] = Change(REMOVED, path, None, placed)
        for place in range(len(self.hidden) - 1, -1, -1):
            hidden = self.hidden[place]
            if hidden.by != self._number:
                break
            change = self._changes.get(hidden.placed.file.path)
            if change is None or change.kind != REMOVED:
                self.hidden[place] = hidden._replace(kind=CHANGED)


def _below(top: _Node) -> Iterator[tuple[_Node, Placed]]:
    """All names of a folder and below it.  No recursion: a layer may be deeper than Python's stack."""
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if node.placed is not None:
            yield node, node.placed
        waiting.extend(node.children.values())
