"""PURE: the files of an explored image in few bytes, as page.js reads them."""

from __future__ import annotations

from wherry.explore.owners import owners
from wherry.explore.stack import ADDED, CHANGED, REMOVED
from wherry.printable import printable
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from wherry.explore.explore import Explored, Layer
    from wherry.explore.stack import Change

KINDS = (ADDED, CHANGED, REMOVED)


def data(found: Explored) -> dict[str, Any]:
    """``rows`` are columns: one entry for each change of each layer, in the order of paths.

    A path is the number of UTF-16 units that it has in common with the one before, and the rest.
    ``category`` is a place in ``categories``, ``package`` one in ``packages``, ``about`` one in ``abouts``
    (mode and owner); -1 is none.
    ``hidden`` are the places of rows whose bytes an upper layer hides, ``links`` those of hard links whose
    bytes another row has.
    """
    rows = sorted(
        (
            (change.path.split("/"), layer.number, change)
            for layer in found.layers
            for change in layer.changes
        ),
        key=lambda row: row[:2],
    )
    categories = {f.title: n for n, f in enumerate({f.title: f for f in found.findings}.values())}
    category = {
        (each.placed.file.path, finding.layer): categories[finding.title]
        for finding in found.findings
        for each in finding.files
    }
    brought = owners(found.files)
    packages = {name: place for place, name in enumerate(sorted(set(brought.values())))}
    hidden = {(h.placed.file.path, loss.of) for loss in found.losses for h in loss.hidden}
    abouts: dict[str, int] = {}
    return {
        "layers": [_layer(layer) for layer in found.layers],
        "categories": list(categories),
        "packages": list(map(printable, packages)),
        "rows": {
            "path": list(_paths([printable(change.path) for _, _, change in rows])),
            "kind": "".join(str(KINDS.index(change.kind)) for _, _, change in rows),
            "size": [change.size for _, _, change in rows],
            "layer": [number for _, number, _ in rows],
            "category": [category.get((change.path, number), -1) for _, number, change in rows],
            "package": [packages.get(brought.get(change.path, ""), -1) for _, _, change in rows],
            "about": [abouts.setdefault(_about(change), len(abouts)) for _, _, change in rows],
            "links": list(_links(rows)),
            "hidden": [n for n, row in enumerate(rows) if (row[2].path, row[1]) in hidden and row[2].size],
        },
        "abouts": list(abouts),
    }


def _layer(layer: Layer) -> dict[str, Any]:
    made = layer.made
    return {
        "number": layer.number,
        "size": layer.size,
        "command": printable(made.command),
        "place": printable(made.place),
    }


def _links(rows: Sequence[tuple[object, int, Change]]) -> Iterator[int]:
    bodies: set[tuple[int, int]] = set()
    for place, (_, layer, change) in enumerate(rows):
        if change.now is None or not change.now.size:
            continue
        if (layer, change.now.body) in bodies:
            yield place
        bodies.add((layer, change.now.body))


def _about(change: Change) -> str:
    file = change.now or (change.before.file if change.before else None)
    return f"{file.type} {file.mode:04o} {file.uid}:{file.gid}" if file is not None else ""


def _paths(paths: list[str]) -> Iterator[int | str]:
    before = ""
    for path in paths:
        shared = 0
        while shared < min(len(path), len(before)) and path[shared] == before[shared]:
            shared += 1
        yield len(path[:shared].encode("utf-16-le")) // 2
        yield path[shared:]
        before = path
