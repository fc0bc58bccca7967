"""COPY and ADD: what goes where, and what that is for the cache.

The rules are Docker's: a folder is copied by its contents; a destination with a slash at its end, or that
is a folder, takes files by the names that they were asked for; new folders on the way are 0755.
"""

from __future__ import annotations

import posixpath
import stat
from itertools import chain, groupby

from wherry.dockerfile import glob
from wherry.errors import ContextError
from wherry.sha256 import hex_of_texts
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.builder.context.folder import Found
    from wherry.builder.context.sources import Source
    from wherry.dockerfile.ignore import Ignore
    from wherry.helper import Helper
    from wherry.layers.view import View
    from wherry.store.filemanifest import ManifestEntry


class CopySource(NamedTuple):
    """A word that names files in a source; with `unpack`, archives among them are unpacked."""

    source: Source
    word: str
    unpack: bool = False


class Placed(NamedTuple):
    """A file and its destination, a path inside the image without leading slash ("" is the root).

    `copy` numbers what is copied at once, a file or a folder with all below it: as with BuildKit, hard
    links are kept within it.
    """

    file: Found
    dest: str
    source: Source
    copy: int = 0

    @property
    def inode(self) -> tuple[int, int, int] | None:
        """The same for files that are hard links of each other; None for those that have no others."""
        status = self.file.status
        if status.st_nlink == 1 or self.file.is_folder:
            return None
        return self.copy, status.st_dev, status.st_ino


class CopyPlan(NamedTuple):
    """`content` is a digest of everything that is copied and where to, without owners and times.

    `folder` is the destination where folders were copied into it, else None.  `archives` are tars that ADD
    unpacks into their destination folder; `marks` what each file is for the key, those of `placed` first;
    `sources` are all that files come from.  `nothing` says why nothing is copied, where that is so.
    """

    folder: str | None
    placed: list[Placed]
    archives: list[Placed]
    content: str
    marks: list[str]
    sources: tuple[Source, ...]
    nothing: ContextError | None = None


def plan_copy(
    sources: Sequence[CopySource],
    dest: str,
    workdir: str,
    view: View,
    helper: Helper,
    *,
    parents: bool,
    exclude: Ignore | None,
) -> CopyPlan:
    """Find the sources and decide where each file goes.  Raises ContextError.

    Wildcards may match nothing, as in BuildKit; a file that is named must be there.

    With `parents` files keep the path that they have in their source.  `exclude` leaves files out, by their
    paths below what a word names.
    """
    as_folder = parents or dest.endswith(("/", "/.")) or dest in ("", ".", "..")
    # Before any link is followed, as in BuildKit: what ".." leaves is the name before it.
    real = view.resolve(posixpath.normpath(posixpath.join("/", workdir, dest)))
    existing = view.find(real)
    if existing is not None and not existing.is_folder and as_folder:
        raise ContextError(f"the destination /{real} is not a directory")
    place = _Place(real, as_folder or (existing is not None and existing.is_folder), exclude)
    find = _with_parents if parents else _named
    total = sum(find(one, place) for one in sources)
    if total > 1 and not place.into:
        raise ContextError(
            "with more than one source file, the destination must be a directory and end with a /",
            hint=f"write {dest}/",
        )
    plan = place.plan(sources, helper)
    return plan if total else plan._replace(nothing=sources[-1].source.missing(sources[-1].word))


class _Place:
    """The destination, and what has been placed there.

    `into`: it is a folder, which files keep their names in.  `takes_folders`: the contents of folders, so
    it becomes one.
    """

    def __init__(self, dest: str, into: bool, exclude: Ignore | None) -> None:
        self.dest = dest
        self.into = into
        self._exclude = exclude
        self.takes_folders = False
        self._copy = 0
        self._placed: list[Placed] = []
        self._archives: list[Placed] = []

    def leaves_out(self, name: str) -> bool:
        return self._exclude is not None and bool(name) and self._exclude.verdict(name).excluded

    def begin(self) -> None:
        """What comes now is copied at once."""
        self._copy += 1

    def put(self, source: Source, file: Found, name: str) -> None:
        """`name` is relative to the destination."""
        self._placed.append(Placed(file, _join(self.dest, name), source, self._copy))

    def put_below(self, source: Source, top: Found) -> None:
        """All below a folder that is not left out."""
        if self._exclude is not None:
            for below, name in _below(source, top, self):
                self.put(source, below, name)
            return
        above = self.dest + "/" if self.dest else ""
        cut = len(top.name) + 1 if top.name else 0
        copy = self._copy
        self._placed += [Placed(file, above + file.name[cut:], source, copy) for file in source.below(top)]

    def unpack(self, source: Source, file: Found) -> None:
        self._archives.append(Placed(file, self.dest, source))

    def plan(self, sources: Sequence[CopySource], helper: Helper) -> CopyPlan:
        files = [*self._placed, *self._archives]
        marks: list[str] = []
        for source, group in groupby(files, lambda placed: placed.source):
            marks += source.digests([placed.file for placed in group], helper)
        kinds = [""] * len(self._placed) + ["unpack\0"] * len(self._archives)
        links = _links(files)
        lines = (
            f"{p.dest}\0{kind}{mark}{links.get(p.dest, '')}\n"
            for p, kind, mark in zip(files, kinds, marks, strict=True)
        )
        last = [f"{self.dest}\0folder\n"] if self.takes_folders else []
        content = hex_of_texts(chain(lines, last))
        origins = tuple(dict.fromkeys(one.source for one in sources))
        folder = self.dest if self.takes_folders else None
        return CopyPlan(folder, self._placed, self._archives, content, marks, origins)


def _links(files: Sequence[Placed]) -> dict[str, str]:
    """The destinations that become hard links of an earlier one: they are so in the layer, too."""
    first: dict[tuple[int, int, int], str] = {}
    found: dict[str, str] = {}
    for placed in files:
        if placed.file.status.st_nlink > 1 and placed.inode is not None:
            other = first.setdefault(placed.inode, placed.dest)
            if other != placed.dest:
                found[placed.dest] = f"\0link {other}"
    return found


def _named(one: CopySource, place: _Place) -> int:
    """Place what a word names.  How many files it named."""
    found = one.source.find(one.word)
    for file in found:
        place.begin()
        if file.is_folder:
            place.takes_folders = True
            place.put_below(one.source, file)
        elif place.into and not file.named_as:
            raise ContextError(f"{one.word} cannot be the name of a file in /{place.dest}")
        elif place.leaves_out(file.named_as):
            continue
        elif one.unpack and is_archive(one.source, file):
            place.unpack(one.source, file)
        else:
            place.put(one.source, file, file.named_as if place.into else "")
    return len(found)


def _with_parents(one: CopySource, place: _Place) -> int:
    """COPY --parents: below ``/./`` in the word, or below the source's root, paths are kept.

    The pattern matches as those of .dockerignore do: ``**`` too, and a folder with all below it.
    """
    from wherry.dockerfile import ignore

    base, pivot, pattern = one.word.partition("/./")
    base, pattern = (base or "/", pattern) if pivot else ("/", one.word)
    pattern = posixpath.normpath(pattern).lstrip("/")
    matches = ignore.parse(pattern) if pattern != "." else None
    count = 0
    for top in one.source.find(base):
        held: dict[str, Found] = {}
        place.begin()
        for below, name in _below(one.source, top, place):
            if matches is not None and not matches.verdict(name).excluded:
                if below.is_folder:
                    held[name] = below
                continue
            count += 1
            # The folders on the way come along, with what they are.
            for parent in _parents(name):
                if parent in held:
                    place.put(one.source, held.pop(parent), parent)
            place.put(one.source, below, name)
    if not count and not glob.has_wildcards(one.word):
        one.source.find(posixpath.join(base, pattern))  # says why
        raise one.source.missing(one.word)
    return count


def _below(source: Source, top: Found, place: _Place) -> Iterator[tuple[Found, str]]:
    """What lies below a folder and is not left out, with its path relative to the folder.

    A folder that is left out appears where something below it is not.
    """
    cut = len(top.name) + 1 if top.name else 0
    held: dict[str, Found] = {}
    for below in source.below(top):
        name = below.name[cut:]
        if place.leaves_out(name):
            if below.is_folder:
                held[name] = below
            continue
        for parent in _parents(name) if held else ():
            if parent in held:
                yield held.pop(parent), parent
        yield below, name


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def file_manifest(plan: CopyPlan) -> Iterator[ManifestEntry]:
    """What is copied, by its name in the source."""
    from wherry.store.filemanifest import manifest_entry

    for (file, *_), mark in zip(chain(plan.placed, plan.archives), plan.marks, strict=True):
        yield manifest_entry(file.name, file.status, mark)


def is_archive(source: Source, file: Found) -> bool:
    """Whether ADD unpacks it: a tar, plain or compressed, told by its bytes and not by its name."""
    if not stat.S_ISREG(file.status.st_mode):
        return False
    from wherry.errors import WherryError
    from wherry.layers.compress import decompressed
    from wherry.layers.tarread import TarReader

    source.ready()
    try:
        with open(file.path, "rb") as raw:
            return next(iter(TarReader(decompressed(raw))), None) is not None
    except WherryError:
        return False
