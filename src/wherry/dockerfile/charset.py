"""PURE: ``[a-z]`` and ``[^a]`` in the patterns of COPY and of ``.dockerignore``, as Go reads them."""

from __future__ import annotations

from wherry.errors import ContextError
from wherry.typed import NamedTuple


class Set(NamedTuple):
    """``[a-z]``: ranges of characters, or all but them.  A slash is a character like others."""

    negated: bool
    ranges: tuple[tuple[str, str], ...]

    def has(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.negated


def character_set(pattern: str, at: int) -> tuple[Set, int]:
    """The set whose ``[`` lies before `at`, and where it ends.  Raises ContextError."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (pattern.startswith("]", at) and ranges):
        low, at = _character(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _character(pattern, at + 1)
        ranges.append((low, high))
    return Set(negated, tuple(ranges)), at + 1


def _character(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith("\\", at):
        at += 1
    elif pattern[at : at + 1] in ("-", "]"):
        raise bad_pattern(pattern)
    if at >= len(pattern):
        raise bad_pattern(pattern)
    return pattern[at], at + 1


def bad_pattern(pattern: str) -> ContextError:
    return ContextError(
        f"syntax error in pattern: {pattern}", hint="put a backslash before a literal '[', '*', '?' or '\\'"
    )
