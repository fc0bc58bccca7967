"""A file or folder of a view as a tar, with the names that ``cp`` gives it."""

from __future__ import annotations

import os
import posixpath

from wherry.layers.entry import FILE
from wherry.layers.pack import contents
from wherry.layers.tarwrite import END, header, padding
from wherry.layers.tree import entry_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from wherry.layers.view import Node, View


def gives_contents(path: str) -> bool:
    """A path that ends with ``/.`` means what is in the folder rather than the folder."""
    return path == "." or path.rstrip("/").endswith("/.") or not path.strip("/")


def write_tar(view: View, path: str, out: IO[bytes], *, follow: bool, name: str | None = None) -> None:
    """Write `path` as a tar whose names begin with its base name, or with `name`.

    Symlinks above the last part are always followed, the last one with `follow`, and where the path ends
    with a slash or ``/.``.  Raises FileNotFoundError where nothing is there, and for ``file/``.
    """
    whole = gives_contents(path)
    top = view.find(path, follow_last=follow or whole or path.endswith("/"))
    if top is None or ((whole or path.endswith("/")) and not top.is_folder):
        raise FileNotFoundError(path)
    base = name or ("" if whole else posixpath.basename(path.rstrip("/")))
    write_members(view, top, base, out)
    out.write(END)


def write_members(view: View, top: Node, base: str, out: IO[bytes], *, itself: bool = True) -> None:
    """The members of a tar for `top`, named `base`, and for all below it.

    Without `itself`, or where `base` is "", only those for what is below.
    """
    links: dict[int, bytes] = {}
    for node in _nodes(view, top):
        below = node.name[len(top.name) :].strip("/")
        full = "/".join(part for part in (base, below) if part)
        if full and (itself or below):
            _put(node, os.fsencode(full), out, links)


def _nodes(view: View, top: Node) -> Iterator[Node]:
    yield top
    if top.is_folder:
        yield from view.walk(top)


def _put(node: Node, name: bytes, out: IO[bytes], links: dict[int, bytes]) -> None:
    path = os.fsencode(node.path)
    entry = entry_of(name, path, node.status, links)
    if entry is None:
        return
    out.write(header(entry))
    if entry.type == FILE and entry.size:
        for piece in contents(path, entry):
            out.write(piece)
        out.write(padding(entry.size))
