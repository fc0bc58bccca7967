"""PURE: findings as text and as JSON."""

from __future__ import annotations

from wherry.dockerfile.lint.rules import RULES
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.dockerfile.ast import Dockerfile
    from wherry.dockerfile.lint.rules import Finding
    from wherry.errors import WherryError

AROUND = 2
RULER = "-" * 20


def short(found: Sequence[Finding]) -> str:
    """What a build says when it is done."""
    count = f"{len(found)} warning{'s' if len(found) > 1 else ''}"
    lines = [f"{count} found:"]
    for one in found:
        lines.append(f" - {one.short()}")
        if one.fix:
            lines.append(f"   fix: {one.fix}")
    return "\n".join(lines)


def whole(found: Sequence[Finding], dockerfile: Dockerfile) -> str:
    """What ``build --check`` prints: each finding with its lines."""
    if not found:
        return "Check complete, no warnings found."
    count = "1 warning has" if len(found) == 1 else f"{len(found)} warnings have"
    return "\n".join([f"Check complete, {count} been found!", *(_one(one, dockerfile) for one in found)])


def _one(one: Finding, dockerfile: Dockerfile) -> str:
    head = ["", f"WARNING: {one.rule}", RULES[one.rule].description]
    if one.message != RULES[one.rule].description:
        head.append(one.message)
    return "\n".join([*head, *_lines(one, dockerfile)])


def _lines(one: Finding, dockerfile: Dockerfile) -> list[str]:
    if not one.line:
        return []
    lines = dockerfile.text.split("\n")
    first, last = max(1, one.line - AROUND), min(len(lines), one.end_line + AROUND)
    shown = []
    for number in range(first, last + 1):
        mark = ">>>" if one.line <= number <= one.end_line else "   "
        shown.append(f"{number:4} | {mark} {lines[number - 1]}".rstrip())
    return [f"{dockerfile.name}:{one.line}", RULER, *shown, RULER]


def as_json(
    found: Sequence[Finding], dockerfile: Dockerfile, problem: WherryError | None = None
) -> dict[str, Any]:
    """The shape of buildx's.  `problem`: why it could not be built."""
    import base64

    warnings = [
        {
            "ruleName": one.rule,
            "description": RULES[one.rule].description,
            "detail": one.message,
            "location": {
                "ranges": [{"start": {"line": one.line}, "end": {"line": one.end_line}}],
                "sourceIndex": 0,
            },
        }
        for one in found
    ]
    data = base64.b64encode(dockerfile.text.encode("utf-8", "surrogateescape")).decode()
    source = {"filename": dockerfile.name, "language": "Dockerfile", "data": data}
    result: dict[str, Any] = {"warnings": warnings or None, "sources": [source]}
    if problem is not None:
        line = getattr(problem, "line", 0)
        place = {"ranges": [{"start": {"line": line}, "end": {"line": line}}], "sourceIndex": 0}
        result["buildError"] = {"message": problem.message, "location": place}
    return result
