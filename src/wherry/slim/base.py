"""What a slim image adds to the base image that it keeps: what that has not, and what of it is gone."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from wherry.layers.view import Node, View


class Base(NamedTuple):
    """The lowest `layers` of an image; `name` is the image that has these alone, "" where none has."""

    name: str = ""
    layers: int = 0


class Above(NamedTuple):
    """`nodes` are to be written above the base; `gone` names of it are to be hidden."""

    nodes: dict[str, Node]
    gone: tuple[str, ...] = ()


def above(base: View, fat: View, nodes: Mapping[str, Node]) -> Above:
    """What makes `nodes` of the image `fat`, and of its base what that image still shows as it was.

    What the image changed, and is not among `nodes`, is hidden: an old version of a file is in neither
    image.
    """
    mine = {name: node for name, node in nodes.items() if not shows(base, node)}
    return Above(mine, tuple(_gone(base, fat, mine)))


def shows(base: View, node: Node) -> bool:
    """Whether the base has a file of an image as that is; times of folders do not count."""
    own = base.find(node.name, follow_last=False)
    if own is None or own.name != node.name:
        return False
    if own.is_folder and node.is_folder:
        one, other = own.status, node.status
        return (one.st_mode, one.st_uid, one.st_gid) == (other.st_mode, other.st_uid, other.st_gid)
    return own.path == node.path


def _gone(base: View, fat: View, mine: Collection[str]) -> Iterator[str]:
    """The names of the base that must be hidden, none below another."""
    over = {"/".join(parts[:n]) for parts in map(_parts, mine) for n in range(1, len(parts) + 1)}
    pairs = [(base.root(), fat.root())]
    while pairs:
        own, now = pairs.pop()
        if own is None or now is None or own.folders == now.folders:
            continue  # nothing lies above it
        for name in base.list(own):
            below, shown = base.child(own, name), fat.child(now, name)
            if below is None:
                continue
            if shown is not None and shown.is_folder and below.is_folder:
                pairs.append((below, shown))
            elif (shown is None or shown.path != below.path) and below.name not in over:
                yield below.name


def _parts(name: str) -> list[str]:
    return name.split("/")
