"""PURE: a comparison as JSON.  docs/compare.md describes every member; SCHEMA tells of changes."""

from __future__ import annotations

from wherry.compare.layers import KINDS
from wherry.compare.model import FOLDER
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.compare.compare import Comparison, Difference
    from wherry.compare.files import Change
    from wherry.compare.layers import Split
    from wherry.compare.model import File, Subject

SCHEMA = 1


def document(found: Comparison) -> dict[str, Any]:
    """All of it."""
    return {
        "schema": SCHEMA,
        "images": [_image(*each) for each in zip(found.subjects, found.splits, strict=True)],
        "together": found.together._asdict(),
        "packages": [
            {
                "kind": row.kind,
                "name": row.name,
                "sources": list(row.sources),
                "versions": [list(each) for each in row.versions],
            }
            for row in found.packages
        ],
        "differences": [_difference(each) for each in found.differences],
    }


def _image(subject: Subject, split: Split) -> dict[str, Any]:
    program = subject.program
    return {
        "name": subject.name,
        "id": subject.id,
        "platform": subject.platform,
        "size": subject.size,
        "base": split.base,
        "sizes": {kind: split.size(kind) for kind in KINDS},
        "layers": [{"kind": part.kind, **part.layer._asdict()} for part in split.parts],
        "files": files_of(subject),
        "packages": len(subject.packages),
        "unread": list(subject.unread),
        "system": subject.system,
        "libc": [libc._asdict() for libc in subject.libcs],
        "program": program._asdict() if program is not None else None,
    }


def files_of(subject: Subject) -> int:
    """Files of an image, without folders."""
    return sum(file.kind != FOLDER for file in subject.files.values())


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "before": found.before,
        "after": found.after,
        "settings": [each._asdict() for each in found.settings],
        "files": [_change(change) for change in found.files],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "path": change.path,
        "what": list(change.what),
        "before": _file(change.before),
        "after": _file(change.after),
    }


def _file(file: File | None) -> dict[str, Any] | None:
    if file is None:
        return None
    return {
        "type": file.kind,
        "mode": f"{file.mode:04o}",
        "uid": file.uid,
        "gid": file.gid,
        "size": file.size,
        "detail": file.detail,
    }
