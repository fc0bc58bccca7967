"""PURE: files with the same content, found by reading as little as that takes."""

from __future__ import annotations

from wherry.explore.model import SYMLINK
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeVar

    from wherry.explore.model import File

    T = TypeVar("T")


def is_same(one: File, other: File) -> bool:
    """Whether two files have the same bytes.  Raises what reading them raises."""
    if one.type != other.type or one.size != other.size:
        return False
    if one.content is None or other.content is None:
        return one.type == SYMLINK and one.target == other.target
    return one.content.sample() == other.content.sample() and one.content.digest() == other.content.digest()


def groups(items: Iterable[T], file: Callable[[T], File]) -> list[list[T]]:
    """Those of which there are two or more with the same content, in the order in which they come.

    Sizes are compared first, then samples, then digests.  Raises what reading the files raises.
    """
    found = [[item for item in items if file(item).content is not None]]

    def narrowed(key: Callable[[File], object]) -> list[list[T]]:
        return [part for group in found for part in _split(group, lambda item: key(file(item)))]

    found = narrowed(lambda one: one.size)
    found = narrowed(lambda one: one.content and one.content.sample())
    return narrowed(lambda one: one.content and one.content.digest())


def _split(group: Sequence[T], key: Callable[[T], object]) -> list[list[T]]:
    """By a key, without those that are alone."""
    parts: dict[object, list[T]] = {}
    for item in group:
        parts.setdefault(key(item), []).append(item)
    return [part for part in parts.values() if len(part) > 1]
