"""PURE: an explored image as JSON.  docs/explore.md describes every member; SCHEMA tells of changes."""

from __future__ import annotations

from wherry.explore.model import FOLDER
from wherry.explore.owners import owners
from wherry.explore.stack import ADDED, CHANGED, REMOVED
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from wherry.explore.explore import Explored, Layer
    from wherry.explore.limits import Verdict
    from wherry.explore.model import File
    from wherry.explore.stack import Change, Placed

SCHEMA = 1


def document(explored: Explored, verdicts: Sequence[Verdict] | None = None) -> dict[str, Any]:
    """All of it; `verdicts` where rules were checked.  Reads the lists of packages."""
    packages = owners(explored.files)
    value: dict[str, Any] = {
        "schema": SCHEMA,
        "image": {
            "name": explored.name,
            "id": explored.id,
            "platform": explored.platform,
            "size": explored.size,
            "files": len(explored.files),
        },
        "efficiency": round(explored.efficiency, 6),
        "wasted": explored.wasted,
        "duplicated": explored.duplicated,
        "layers": [_layer(layer, packages) for layer in explored.layers],
        "losses": [
            {
                "kind": loss.kind,
                "by": loss.by,
                "of": loss.of,
                "size": loss.size,
                "advice": loss.advice,
                "files": [{"path": h.placed.file.path, "size": h.size} for h in loss.hidden],
            }
            for loss in explored.losses
        ],
        "copies": [
            {"size": c.size, "wasted": c.wasted, "files": _places(c.files)} for c in explored.copies
        ],
        "categories": [
            {
                "category": finding.category,
                "title": finding.title,
                "layer": finding.layer,
                "size": finding.size,
                "advice": finding.advice,
                "files": [{"path": c.placed.file.path, "size": c.size} for c in finding.files],
            }
            for finding in explored.findings
        ],
    }
    if verdicts is not None:
        value["rules"] = [verdict._asdict() for verdict in verdicts]
    return value


def _places(files: Iterable[Placed]) -> list[dict[str, Any]]:
    return [{"path": placed.file.path, "layer": placed.layer + 1} for placed in files]


def _layer(layer: Layer, packages: Mapping[str, str]) -> dict[str, Any]:
    made = layer.made
    kinds = [change.kind for change in layer.changes]
    return {
        "number": layer.number,
        "diffId": layer.diff_id,
        "size": layer.size,
        "hidden": layer.hidden,
        "base": made.is_base,
        "command": made.command,
        "created": made.created,
        "comment": made.comment,
        "dockerfile": made.dockerfile,
        "line": made.line,
        "endLine": made.end_line,
        "seconds": made.seconds,
        "added": kinds.count(ADDED),
        "changed": kinds.count(CHANGED),
        "removed": kinds.count(REMOVED),
        "changes": [_change(change, packages) for change in layer.changes],
    }


def _change(change: Change, packages: Mapping[str, str]) -> dict[str, Any]:
    value: dict[str, Any] = {"kind": change.kind, "path": change.path}
    if change.now is not None:
        value |= _file(change.now)
        if change.now.type != FOLDER and change.path in packages:
            value["package"] = packages[change.path]
    if change.before is not None:
        value["before"] = {"layer": change.before.layer + 1, **_file(change.before.file)}
    return value


def _file(file: File) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": file.type,
        "size": file.size,
        "mode": f"{file.mode:04o}",
        "uid": file.uid,
        "gid": file.gid,
        "mtime": file.mtime,
    }
    return {**value, "target": file.target} if file.target else value
