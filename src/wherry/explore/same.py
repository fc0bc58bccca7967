"""PURE: files with the same content, found by reading as little as that takes."""

from __future__ import annotations

from wherry.explore.model import SYMLINK
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from wherry.explore.model import File

    T = TypeVar("T")


KEYS: tuple[Callable[[File], object], ...] = (
    lambda one: one.content and one.content.end(),
    lambda one: one.content and one.content.beginning(),
    lambda one: one.content and one.content.digest(),
)
"""What is read to tell contents apart, the cheapest first."""


def is_same(one: File, other: File) -> bool:
    """Whether two files have the same bytes.  Raises what reading them raises."""
    if one.type != other.type or one.size != other.size:
        return False
    if one.content is None or other.content is None:
        return one.type == SYMLINK and one.target == other.target
    mine, others = one.content, other.content
    return (
        mine.end() == others.end()
        and mine.beginning() == others.beginning()
        and mine.digest() == others.digest()
    )


def groups(items: Iterable[T], file: Callable[[T], File]) -> list[list[T]]:
    """Those of which there are two or more with the same content, in the order in which they come.

    Sizes are compared first, then what KEYS say.  Raises what reading the files raises.
    """
    known = [(item, one) for item in items if (one := file(item)).content is not None]
    found = _split(known, lambda one: one.size)
    for key in KEYS:
        found = [part for group in found for part in _split(group, key)]
    return [[item for item, _ in group] for group in found]


def _split(group: Iterable[tuple[T, File]], key: Callable[[File], object]) -> list[list[tuple[T, File]]]:
    """By a key, without those that are alone."""
    parts: dict[object, list[tuple[T, File]]] = {}
    for item in group:
        parts.setdefault(key(item[1]), []).append(item)
    return [part for part in parts.values() if len(part) > 1]
