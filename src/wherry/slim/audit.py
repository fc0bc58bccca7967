"""The audit log: for every file that is kept the chain of reasons, for every other one where it came from.

    {"version": 1, "image": ID, "slim": ID,
     "kept": [{"path", "size", "reasons": [{"path", "rule", "confidence"}…]}…],
     "dropped": [{"path", "size", "package": "name version" or ""}…]}

The first of the reasons is the file's own, the last what nobody but the image or the user asks for.
"""

from __future__ import annotations

import json
import stat

from wherry.errors import CorruptError
from wherry.slim.reason import CONFIDENCES, chain
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from wherry.layers.view import Node, View
    from wherry.packages.package import Package
    from wherry.slim.closure import Kept

VERSION = 1


def audit(
    view: View,
    kept: Kept,
    package: Callable[[str], Package | None],
    image: str,
    slim: str,
    in_base: Callable[[Node], bool] = lambda node: False,
) -> dict[str, Any]:
    """`package` says what brought a file of the view, `in_base` whether the base that is kept has it."""
    root = view.root()
    others = [
        node
        for node in (view.walk(root) if root is not None else ())
        if not node.is_folder and node.name not in kept.reasons
    ]
    based = [node for node in others if in_base(node)]
    left = {node.name for node in based}
    return {
        "version": VERSION,
        "image": image,
        "slim": slim,
        "kept": [
            {"path": f"/{name}", "size": _size(kept.nodes[name]), "reasons": reasons(kept, name)}
            for name in sorted(kept.reasons)
        ]
        + [{"path": f"/{node.name}", "size": _size(node), "reasons": [_of_base(node)]} for node in based],
        "dropped": [
            {"path": f"/{node.name}", "size": _size(node), "package": _shown(package(node.name))}
            for node in others
            if node.name not in left
        ],
    }


def _of_base(node: Node) -> dict[str, str]:
    return {"path": f"/{node.name}", "rule": "the base image has it", "confidence": CONFIDENCES[0]}


def reasons(kept: Kept, name: str) -> list[dict[str, str]]:
    return [
        {"path": f"/{each}", "rule": reason.rule, "confidence": CONFIDENCES[reason.confidence]}
        for each, reason in chain(kept.reasons, name)
    ]


def why(log: bytes, path: str) -> tuple[list[dict[str, str]], str]:
    """(the reasons of a file, "") of a log; of a file that was dropped (nothing, its package); of one that
    is in no list (nothing, "?").  Raises CorruptError for what is no log."""
    try:
        value = json.loads(log)
        for each in value["kept"]:
            if each["path"] == path:
                return list(each["reasons"]), ""
        for each in value["dropped"]:
            if each["path"] == path:
                return [], str(each["package"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptError(f"not an audit log of wherry slim: {error}") from None
    return [], "?"


def lines(found: list[dict[str, str]]) -> Iterator[str]:
    """A chain of reasons for people."""
    for number, each in enumerate(found):
        sure = "" if each["confidence"] == CONFIDENCES[0] else f" ({each['confidence']})"
        yield f"{'  ' * number}{each['path']}: {each['rule']}{sure}"


def _size(node: Node) -> int:
    return node.status.st_size if stat.S_ISREG(node.status.st_mode) else 0


def _shown(package: Package | None) -> str:
    return f"{package.name} {package.version}" if package is not None else ""
