"""What a build's own layers carry for nothing, where that is certain; looked for when the build is done.

Only the layers of RUN are walked, and of those below only what they name: a build has to wait for this.
"""

from __future__ import annotations

import os
import stat

from wherry.explore.contents import Part
from wherry.explore.model import FILE, File
from wherry.explore.read import from_tree
from wherry.explore.same import is_same
from wherry.layers.whiteout import is_opaque, is_whiteout
from wherry.sizes import human_size
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.explore.model import LayerFiles

LEAST = 100_000
"""Bytes from which on it is worth a line."""
LISTS = "var/lib/apt/lists/"


class Own(NamedTuple):
    """A layer that the build made: its tree, and the instruction that gave it.

    `kind` is "run", "copy" and so on.
    """

    tree: str
    kind: str
    line: int
    end_line: int


class Hint(NamedTuple):
    """`rule` is one of the lint's, `details` are for its message."""

    rule: str
    line: int
    end_line: int
    details: tuple[str, ...]
    fix: str


def hints(layers: Sequence[Own], program: str = "") -> list[Hint]:
    """Of the layers of an image that one build made, lowest first.  Raises OSError.

    `program` is the path of the file that the image starts, without a leading slash; "" for none.
    """
    found = list(_symbols(program, layers)) if program else []
    for number, own in enumerate(layers):
        if own.kind == "run":
            files = from_tree(own.tree)
            found += _lists(own, files)
            found += _repeated(own, files, layers[:number])
            found += _removed(own, files, layers[:number])
    return found


def _lists(own: Own, files: LayerFiles) -> Iterator[Hint]:
    size = sum(file.size for file in files.files if file.path.startswith(LISTS))
    if size >= LEAST:
        yield Hint(
            "PackageListsLeft",
            own.line,
            own.end_line,
            (human_size(size), "/" + LISTS.rstrip("/")),
            f"end it with && rm -rf /{LISTS}*, or RUN --mount=type=cache,target=/{LISTS.rstrip('/')}",
        )


def _repeated(own: Own, files: LayerFiles, below: Sequence[Own]) -> Iterator[Hint]:
    sizes: dict[int, int] = {}
    for file in files.files:
        if file.type != FILE or file.size < LEAST:
            continue
        for number in range(len(below) - 1, -1, -1):
            place = _inside(below[number].tree, file.path)
            if place is None:
                continue
            if is_same(file, _file(place)):
                sizes[number] = sizes.get(number, 0) + file.size
            break
    for number, size in sizes.items():
        other = below[number]
        fix = "set mode and owner in the instruction that makes them"
        if other.kind in ("copy", "add"):
            word = other.kind.upper()
            fix = f"{word} --chmod=MODE, {word} --chown=USER give them their mode and owner at once"
        yield Hint(
            "RepeatedFiles",
            own.line,
            own.end_line,
            (human_size(size), other.kind.upper(), str(other.line)),
            fix,
        )


def _removed(own: Own, files: LayerFiles, below: Sequence[Own]) -> Iterator[Hint]:
    sizes: dict[int, int] = {}
    for path in files.whiteouts:
        for number in range(len(below) - 1, -1, -1):
            place = _inside(below[number].tree, path)
            if place is None:
                continue
            status = os.lstat(place)
            if is_whiteout(place, status):
                break
            is_folder = stat.S_ISDIR(status.st_mode)
            size = from_tree(place).size if is_folder else status.st_size
            sizes[number] = sizes.get(number, 0) + size
            if not is_folder or is_opaque(place):
                break
    for number, size in sizes.items():
        other = below[number]
        if size >= LEAST:
            fix = "leave them out (.dockerignore), or COPY --from a stage only what is needed"
            if other.kind == "run":
                fix = "remove them in the RUN that makes them"
            yield Hint(
                "RemovedLater",
                own.line,
                own.end_line,
                (human_size(size), other.kind.upper(), str(other.line)),
                fix,
            )


def _symbols(program: str, layers: Sequence[Own]) -> Iterator[Hint]:
    """Of the program alone: other files may be a debugger's, or of packages that nobody builds here."""
    for own in reversed(layers):
        place = _inside(own.tree, program)
        if place is None:
            continue
        content = _file(place).content
        symbols = content.symbols() if content is not None else None
        if symbols is not None and symbols.size >= LEAST:
            from wherry.explore.categories import rule_for

            details = own.kind.upper(), human_size(symbols.size), "/" + program
            fix = rule_for(symbols).advice
            yield Hint("DebugSymbols", own.line, own.end_line, details, fix)
        return


def _inside(tree: str, path: str) -> str | None:
    """The place of a path in a tree, no link followed: one could lead to the machine's own files."""
    place = tree
    *folders, last = path.split("/")
    try:
        for part in folders:
            place += "/" + part
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                return None
        place += "/" + last
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return place


def _file(place: str) -> File:
    status = os.lstat(place)
    kind = FILE if stat.S_ISREG(status.st_mode) else ""
    content = Part(place, 0, status.st_size) if kind else None
    return File(place, kind, status.st_size, 0, 0, 0, 0, "", 0, content)
