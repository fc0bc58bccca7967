"""PURE: what differs between an image after one layer and after another."""

from __future__ import annotations

from wherry.explore.stack import ADDED, CHANGED, REMOVED, Change
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.explore.explore import Layer
    from wherry.explore.stack import Placed


def between(layers: Sequence[Layer], first: int, last: int) -> tuple[Change, ...]:
    """The changes from the image after layer `first` to that after layer `last` (from 1; 0 is nothing).

    What was added and removed again on the way is none.  They come in the order of paths.
    """
    found: dict[str, tuple[Placed | None, Change]] = {}
    for layer in layers[first:last]:
        for change in layer.changes:
            before = found[change.path][0] if change.path in found else change.before
            found[change.path] = before, change
    changes = (_net(before, change) for before, change in found.values())
    return tuple(sorted((c for c in changes if c is not None), key=lambda change: change.path.split("/")))


def _net(before: Placed | None, last: Change) -> Change | None:
    if before is None:
        return last._replace(kind=ADDED, before=None) if last.now is not None else None
    return last._replace(kind=CHANGED if last.now is not None else REMOVED, before=before)
