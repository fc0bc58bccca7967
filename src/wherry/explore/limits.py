"""PURE: what an image may cost: rules out of a TOML file, and which of them an image breaks."""

from __future__ import annotations

import tomllib

from wherry.dockerfile.ignore import of_patterns
from wherry.errors import UsageError, nearest
from wherry.explore.categories import TITLES
from wherry.sizes import size as bytes_of
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from wherry.explore.explore import Explored

FRACTIONS = ("lowest-efficiency", "highest-wasted-percent")
SIZES = ("highest-wasted-bytes", "highest-duplicate-bytes", "highest-size")


class Limits(NamedTuple):
    """`values` are by the names of FRACTIONS (0 to 1, or 0 to 100), SIZES (bytes) and "highest-layers", if
    they are asked for; `categories` are the most bytes of each; `absent` are patterns, as those of
    .dockerignore, of paths that no file may have.
    """

    values: Mapping[str, float]
    categories: Mapping[str, int] = {}
    absent: tuple[str, ...] = ()


DEFAULT = Limits({"lowest-efficiency": 0.9, "highest-wasted-percent": 10})
"""Where nobody says anything else."""


class Verdict(NamedTuple):
    """One rule, and what was found; numbers in the rule's own unit, of `absent` the number of files."""

    rule: str
    limit: float
    found: float
    passed: bool
    example: str = ""


def parse(text: str, name: str) -> Limits:
    """Rules as TOML writes them.  Raises UsageError."""
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is not TOML: {error}") from None
    known = (*FRACTIONS, *SIZES, "highest-layers", "categories", "absent")
    for key in value:
        if key not in known:
            near = nearest(key, known)
            raise UsageError(
                f"{name}: there is no rule {key!r}",
                hint=f"did you mean {near}?" if near else f"one of {', '.join(known)}",
            )
    categories = value.pop("categories", {})
    absent = value.pop("absent", [])
    if not isinstance(categories, dict) or not isinstance(absent, list):
        raise UsageError(f"{name}: categories is a table and absent a list")
    for key in categories:
        if key not in TITLES:
            raise UsageError(f"{name}: there is no category {key!r}", hint=f"one of {', '.join(TITLES)}")
    return Limits(
        {key: _value(key, each, name) for key, each in value.items()},
        {key: int(_size(key, each, name)) for key, each in categories.items()},
        tuple(str(pattern) for pattern in absent),
    )


def _value(key: str, value: object, name: str) -> float:
    if key in SIZES:
        return _size(key, value, name)
    most = 1 if key == "lowest-efficiency" else 100 if key in FRACTIONS else 1_000_000
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise UsageError(f"{name}: {key} is a number from 0 to {most}, not {value!r}")
    return value


def _size(key: str, value: object, name: str) -> float:
    number = bytes_of(str(value)) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    if number is None:
        raise UsageError(f"{name}: {key} is a number of bytes or a size as '20MB', not {value!r}")
    return number


def check(explored: Explored, limits: Limits) -> list[Verdict]:
    """Every rule, in the order in which they are documented.  Raises ContextError for a bad pattern."""
    found = {
        "lowest-efficiency": explored.efficiency,
        "highest-wasted-percent": 100 * explored.wasted / explored.own if explored.own else 0.0,
        "highest-wasted-bytes": explored.wasted,
        "highest-duplicate-bytes": explored.duplicated,
        "highest-size": explored.size,
        "highest-layers": len(explored.layers),
    }
    verdicts = []
    for rule, value in found.items():
        limit = limits.values.get(rule)
        if limit is not None:
            passed = value >= limit if rule.startswith("lowest") else value <= limit
            verdicts.append(Verdict(rule, limit, value, passed))
    for category, limit in limits.categories.items():
        of = [finding for finding in explored.findings if finding.category == category]
        size = sum(finding.size for finding in of)
        example = of[0].files[0].placed.file.path if of else ""
        verdicts.append(Verdict(f"categories.{category}", limit, size, size <= limit, example))
    for pattern in limits.absent:
        ignore = of_patterns([pattern])
        paths = [p.file.path for p in explored.files if ignore.verdict(p.file.path).excluded]
        verdicts.append(Verdict(f"absent {pattern}", 0, len(paths), not paths, paths[0] if paths else ""))
    return verdicts


def with_values(limits: Limits, given: Mapping[str, Any], name: str = "the command line") -> Limits:
    """The same with what the command line says instead."""
    return limits._replace(
        values={**limits.values, **{key: _value(key, value, name) for key, value in given.items()}}
    )
