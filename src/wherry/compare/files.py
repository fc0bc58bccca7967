"""PURE: which files of two images differ, and how.  Times are not compared: every build gives others."""

from __future__ import annotations

from wherry.compare.model import FILE, FOLDER
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wherry.compare.model import File

ADDED, REMOVED = "added", "removed"
TYPE, CONTENT, MODE, OWNER = "type", "content", "mode", "owner"


class Change(NamedTuple):
    """`what` is ADDED, REMOVED, or which of TYPE, CONTENT, MODE and OWNER changed."""

    path: str
    what: tuple[str, ...]
    before: File | None
    after: File | None


class Tree(NamedTuple):
    """A file, or a folder that came or went with all that is in it: files without folders, and bytes."""

    path: str
    files: int
    size: int


def differences(
    before: Mapping[str, File], after: Mapping[str, File], same: Callable[[File, File], bool]
) -> list[Change]:
    """By path.  `same` says whether two regular files of one size have the same content."""
    found = []
    for path in sorted(before.keys() | after.keys()):
        one, other = before.get(path), after.get(path)
        if other is None:
            what: tuple[str, ...] = (REMOVED,)
        elif one is None:
            what = (ADDED,)
        elif one == other:
            continue
        else:
            what = tuple(_what(one, other, same))
        if what:
            found.append(Change(path, what, one, other))
    return found


def _what(one: File, other: File, same: Callable[[File, File], bool]) -> Iterator[str]:
    if one.kind != other.kind:
        yield TYPE
    elif _has_other_content(one, other, same):
        yield CONTENT
    if one.mode != other.mode and one.kind == other.kind:
        yield MODE
    if (one.uid, one.gid) != (other.uid, other.gid):
        yield OWNER


def _has_other_content(one: File, other: File, same: Callable[[File, File], bool]) -> bool:
    if (one.size, one.detail) != (other.size, other.detail):
        return one.kind != FOLDER
    return one.kind == FILE and one.place != other.place and not same(one, other)


def count(changes: Iterable[Change], *what: str) -> int:
    """Files without folders that changed in one of these ways."""
    return sum(1 for change in changes if set(what) & set(change.what) and not _is_folder(change))


def trees(changes: Iterable[Change], what: str) -> list[Tree]:
    """What was ADDED, or REMOVED, a line for each folder that was as a whole; the largest first."""
    found = {change.path: change for change in changes if change.what == (what,)}
    top: dict[str, str] = {}
    sums: dict[str, tuple[int, int]] = {}
    for path, change in found.items():  # folders before what is in them
        above = path.rpartition("/")[0]
        top[path] = first = top.get(above, path)
        files, size = sums.get(first, (0, 0))
        file = change.before or change.after
        assert file is not None  # noqa: S101
        sums[first] = (files + (file.kind != FOLDER), size + file.size)
    rows = [Tree(path, *numbers) for path, numbers in sums.items()]
    return sorted(rows, key=lambda row: (-row.size, -row.files, row.path))


def _is_folder(change: Change) -> bool:
    return all(file is None or file.kind == FOLDER for file in (change.before, change.after))
