"""The kept files of an image as one layer."""

from __future__ import annotations

import os
import posixpath
import stat

from wherry.layers.copying import copy_node, finish
from wherry.layers.tree import ROOT_MODE, entry_of
from wherry.layers.whiteout import make_whiteout
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.layers.view import Node, View


def write(view: View, nodes: Mapping[str, Node], tree: str, gone: Sequence[str] = ()) -> None:
    """Copy files, links and folders into `tree`, an empty folder, with the folders above them.

    Owners, modes, times, attributes, holes and hard links are as they were; `gone` names of layers below
    are hidden.  Needs the rights to give files to their owners.
    """
    folders = folders_of(view, nodes, gone)
    for name in sorted(folders, key=len):
        if name:
            os.mkdir(os.path.join(tree, name), 0o700)
    links: dict[tuple[int, int], str] = {}
    for name in sorted(nodes):
        if name in folders:
            continue
        node = nodes[name]
        place = os.path.join(tree, name)
        inode = node.status.st_dev, node.status.st_ino
        first = links.setdefault(inode, place)
        if first != place and not stat.S_ISDIR(node.status.st_mode):
            os.link(first, place, follow_symlinks=False)
        else:
            copy_node(node.path, place)
    for name in gone:
        make_whiteout(os.path.join(tree, name))
    # Filling folders changes their times: the deepest first.
    for name in sorted(folders, key=len, reverse=True):
        _finish(os.path.join(tree, name), folders[name])
    if "" not in folders:
        os.chmod(tree, ROOT_MODE)


def folders_of(view: View, nodes: Mapping[str, Node], gone: Sequence[str] = ()) -> dict[str, Node]:
    """Every folder that is kept, and those above what is kept or `gone`, by name."""
    found = {name: node for name, node in nodes.items() if node.is_folder}
    for name in (*nodes, *gone):
        above = posixpath.dirname(name)
        while above not in found:
            folder = nodes.get(above) or view.find(above)
            if folder is None:
                break
            found[above] = folder
            if not above:
                break
            above = posixpath.dirname(above)
    return found


def _finish(path: str, node: Node) -> None:
    entry = entry_of(b"", os.fsencode(node.path), os.lstat(node.path), {})
    assert entry is not None  # noqa: S101
    finish(path, entry, node.path)
