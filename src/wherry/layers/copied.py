"""Snapshots where nothing may be mounted: a real copy of the layers, changes found by comparing.

An index of every file (inode, times, mode, owner, size) is taken before; whatever differs afterwards was
changed.  ctime cannot be set back by the process that runs in the root, so nothing is missed.
"""

from __future__ import annotations

import json
import os
import stat

from wherry.layers.copying import copy_node, finish
from wherry.layers.disarm import Nodes, remove_armed
from wherry.layers.remove import remove_tree
from wherry.layers.snapshots import SYSTEM, give_root_of
from wherry.layers.tree import ROOT_MODE, entry_of
from wherry.layers.view import View
from wherry.layers.whiteout import make_whiteout
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.layers.snapshots import MountPoint, Snapshot
    from wherry.layers.view import Node

    Copy = Callable[[str, str], object]

# Files that an isolation without mounts writes while a process runs and puts back with their times:
# of these the ctime tells nothing.
PROVIDED = frozenset({"etc/hosts", "etc/hostname", "etc/resolv.conf"})

STATE = "layers.json"

Mark = tuple[int, int, int, int, int, int, int]
Index = dict[str, Mark]


class Copied:
    name = "copy"

    def open(self, layers: Sequence[str], work: str, places: Sequence[MountPoint] = SYSTEM) -> Snapshot:
        """`places` are not made here: whoever moves something into them makes them and takes them away."""
        return _Copy(layers, work)

    def view(self, layers: Sequence[str], work: str) -> View:
        copied = os.path.exists(os.path.join(work, STATE))
        return View([os.path.join(work, "root")] if copied else layers)

    def copy_changes(self, layers: Sequence[str], work: str, tree: str) -> None:
        if os.path.exists(os.path.join(work, STATE)):
            _Copy(layers, work).copy_changes(tree)
        else:
            give_root_of(tree, layers)


class _Copy:
    """`work` holds ``root`` and ``layers.json``: which layers the root stands for, and its index."""

    def __init__(self, layers: Sequence[str], work: str) -> None:
        self.root = os.path.join(work, "root")
        self._work = work
        self._state = os.path.join(work, STATE)
        self._nodes = Nodes()
        done = self._done(layers)
        if done is None:
            self._index = self._fill(layers)
            self._save(layers)
        else:
            self._index = done

    def _done(self, layers: Sequence[str]) -> Index | None:
        """The index of a root that is here already, brought up to `layers`; None if it is of no use."""
        try:
            with open(self._state, encoding="utf-8", errors="surrogateescape") as file:
                state = json.load(file)
        except FileNotFoundError:
            return None
        if "nodes" not in state:  # made by an older version, armed
            remove_armed(self.root)
        have = state["layers"]
        if state["taken"]:
            # changes() became a layer: the root is what that layer makes of it, if it comes next.
            have = [*have, *layers[len(have) : len(have) + 1]]
        if list(layers[: len(have)]) != have:
            return None
        self._nodes = Nodes.of_json(state.get("nodes", {}))
        index: Index = {name: tuple(mark) for name, mark in state["index"].items()}
        if len(layers) > len(have):
            for tree in layers[len(have) :]:
                _apply(tree, self.root, self._nodes.copy_in)
            index = _index(self.root)
        if state["taken"] or len(layers) > len(have):
            self._index = index
            self._save(layers)
        return index

    def _fill(self, layers: Sequence[str]) -> Index:
        remove_tree(self.root)
        os.mkdir(self.root)
        os.chmod(self.root, ROOT_MODE)
        copy_view(View(layers), self.root, copy=self._nodes.copy_in)
        return _index(self.root)

    def _save(self, layers: Sequence[str], *, taken: bool = False) -> None:
        state = {
            "layers": list(layers),
            "taken": taken,
            "index": self._index,
            "nodes": self._nodes.as_json(),
        }
        with open(self._state + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(state, file)
        os.rename(self._state + ".new", self._state)

    def changes(self, since: int | None = None) -> str:
        """Copy what differs into a tree of its own; the root stays, for the next step."""
        if since is not None:
            from wherry.layers.timestamps import clamp

            clamp(self.root, since)
        upper = os.path.join(self._work, "upper")
        os.mkdir(upper)
        now = self.copy_changes(upper)
        with open(self._state, encoding="utf-8", errors="surrogateescape") as file:
            layers = json.load(file)["layers"]
        self._index = now
        self._save(layers, taken=True)
        return upper

    def copy_changes(self, tree: str) -> Index:
        """Write what differs into an empty folder.  The index of what is there now."""
        give_root_of(tree, [self.root])
        now = _index(self.root)
        _write_changes(self.root, tree, self._index, now, self._nodes.copy_out)
        return now

    def close(self) -> None:
        """Nothing is mounted."""


def copy_view(view: View, target: str, top: Node | None = None, *, copy: Copy = copy_node) -> None:
    """Copy a whole view, or a folder of it, into an existing empty folder, hard links kept; `copy` takes
    single files."""
    root = top or view.root()
    if root is None:
        return
    cut = len(root.name) + 1 if root.name else 0
    links: dict[tuple[int, int], str] = {}
    folders: list[tuple[Node, str]] = [(root, target)]
    for node in view.walk(root):
        host = f"{target}/{node.name[cut:]}"
        if node.is_folder:
            folders.append((node, host))
        _copy_linked(node.path, host, node.status, links, copy)
    for node, host in reversed(folders):
        _finish_folder(node.path, host)


def _copy_linked(
    source: str, host: str, status: os.stat_result, links: dict[tuple[int, int], str], copy: Copy
) -> None:
    if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
        first = links.setdefault((status.st_dev, status.st_ino), host)
        if first != host:
            os.link(first, host, follow_symlinks=False)
            return
    copy(source, host)


def _finish_folder(source: str, host: str) -> None:
    path = os.fsencode(source)
    entry = entry_of(b"", path, os.stat(path), {})
    assert entry is not None  # noqa: S101
    finish(host, entry, source)


def _apply(tree: str, root: str, copy: Copy) -> None:
    """Lay one more layer over a copied root: whiteouts delete, files replace, folders merge."""
    view = View([tree])
    top = view.root()
    assert top is not None  # noqa: S101
    for deleted in _whiteouts(tree):
        remove_tree(f"{root}/{deleted}")
    links: dict[tuple[int, int], str] = {}
    folders = [(top, root)]
    for node in view.walk(top):
        host = f"{root}/{node.name}"
        if node.is_folder:
            folders.append((node, host))
            if os.path.isdir(host) and not os.path.islink(host):
                continue
        remove_tree(host)
        _copy_linked(node.path, host, node.status, links, copy)
    for node, host in reversed(folders):
        _finish_folder(node.path, host)


def _whiteouts(tree: str) -> Iterator[str]:
    """The names that a tree deletes from what lies below it, opaque folders included."""
    from wherry.layers.entry import OPAQUE, WHITEOUT
    from wherry.layers.tree import walk

    for item in walk(tree):
        folder, _, base = item.entry.name.rpartition(b"/")
        if item.path is None:
            hidden = folder if base == OPAQUE else folder + b"/" + base.removeprefix(WHITEOUT)
            yield os.fsdecode(hidden.lstrip(b"/"))


def _index(root: str) -> Index:
    """Every file below `root` and what tells whether it was touched.  Paths start with no slash."""
    found: Index = {}
    stack = [""]
    while stack:
        folder = stack.pop()
        with os.scandir(f"{root}/{folder}") as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}" if folder else entry.name
                status = entry.stat(follow_symlinks=False)
                found[name] = _mark(status, ctime=name not in PROVIDED)
                if stat.S_ISDIR(status.st_mode):
                    stack.append(name)
    return found


def _mark(status: os.stat_result, *, ctime: bool) -> Mark:
    """For a folder its own times change with its entries, so only what belongs to itself counts."""
    folder = stat.S_ISDIR(status.st_mode)
    return (
        status.st_ino,
        status.st_mode,
        status.st_uid,
        status.st_gid,
        0 if folder else status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns if ctime and not folder else 0,
    )


def _write_changes(root: str, upper: str, before: Index, after: Index, copy: Copy) -> None:
    made: set[str] = {""}
    links: dict[tuple[int, int], str] = {}
    for name in sorted(n for n, mark in after.items() if before.get(n) != mark):
        _make_parents(root, upper, name, made)
        if name in made:
            continue
        if stat.S_ISDIR(after[name][1]):
            _make_folder(root, upper, name, made)
        else:
            source = f"{root}/{name}"
            _copy_linked(source, f"{upper}/{name}", os.lstat(source), links, copy)
    for name in sorted(n for n in before if n not in after):
        parent = name.rpartition("/")[0]
        # What lay in a deleted folder went with it; what lay in a folder that is a file now, as well.
        if (parent and parent not in after) or (parent and not stat.S_ISDIR(after[parent][1])):
            continue
        _make_parents(root, upper, name, made)
        make_whiteout(f"{upper}/{name}")
    for name in sorted(made, reverse=True):
        _finish_folder(f"{root}/{name}", f"{upper}/{name}")


def _make_parents(root: str, upper: str, name: str, made: set[str]) -> None:
    parts = name.split("/")[:-1]
    for end in range(1, len(parts) + 1):
        parent = "/".join(parts[:end])
        if parent not in made:
            _make_folder(root, upper, parent, made)


def _make_folder(root: str, upper: str, name: str, made: set[str]) -> None:
    os.mkdir(f"{upper}/{name}", 0o700)
    made.add(name)
