"""The build context: a folder, or a tar from standard input, as COPY sees it through .dockerignore."""

from __future__ import annotations

import os
import stat
import time
from _thread import RLock

from wherry.builder.context.file_index import FileIndex, hash_file
from wherry.dockerfile import ignore
from wherry.dockerfile.lines import LARGEST
from wherry.errors import ContextError
from wherry.layers.entry import Status
from wherry.layers.rootpath import resolve
from wherry.sha256 import hex_of
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.dockerfile.ignore import Ignore, Verdict
    from wherry.helper import Helper
    from wherry.layers.entry import AnyStatus

SECOND = 1_000_000_000


class Found(NamedTuple):
    """A file of a source of COPY.  `name` is its path in the source, with slashes, `path` its place on the
    host.

    `named_as` is the name that it was found by; where that was a symlink, `name` is the link's target.
    """

    name: str
    path: str
    status: AnyStatus
    named_as: str = ""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class Context:
    """A folder and what `.dockerignore` leaves of it.  `index_path` keeps its FileIndex.

    Stages that run side by side share it: they take turns.
    """

    def __init__(self, root: str, rules: Ignore, index_path: str | None) -> None:
        self.root = root
        self.ignore = rules
        self._index_path = index_path
        self._index: FileIndex | None = None
        self._scans: dict[str, list[Found]] = {}
        self._turn = RLock()

    @property
    def index(self) -> FileIndex:
        with self._turn:
            if self._index is None:
                self._index = FileIndex(self.root, self._index_path)
            return self._index

    def newest(self) -> int | None:
        """The time of the newest file (Unix seconds) of a context that was fetched: that of its commit.

        None for a folder of this machine, whose times say when somebody made a copy.
        """
        if self._index_path is not None:
            return None
        times = (
            file.status.st_mtime_ns // SECOND for file in self.scan("") if stat.S_ISREG(file.status.st_mode)
        )
        return max(times, default=None)

    def kept(self, what: str) -> str | None:
        """Where something is kept of this context under a name; None of one that was fetched."""
        if self._index_path is None:
            return None
        return f"{self._index_path}.{hex_of(what.encode('utf-8', 'surrogateescape'))[:16]}"

    def save(self) -> None:
        """Keep what was learnt about the files for the next build."""
        if self._index is not None:
            self._index.save()

    def verdict(self, name: str) -> Verdict:
        return self.ignore.verdict(name)

    def scan(self, folder: str) -> list[Found]:
        """Everything below a folder ("" for all) that is not ignored, folders before what they hold.

        Names in byte order.  A folder that is ignored appears if something below it is not.
        """
        with self._turn:
            if folder not in self._scans:
                self._scans[folder] = list(self._walk(folder))
            return self._scans[folder]

    def _walk(self, top: str) -> Iterator[Found]:
        decide = self.ignore.verdict if self.ignore.patterns else None
        start = os.path.join(self.root, top) if top else self.root
        stack = [_entries(start, top + "/" if top else "")]
        # Ignored folders wait here until something below them turns out not to be ignored.
        waiting: list[tuple[int, Found]] = []
        while stack:
            entry = stack[-1].pop() if stack[-1] else None
            if entry is None:
                stack.pop()
                while waiting and waiting[-1][0] >= len(stack):
                    waiting.pop()
                continue
            is_folder = stat.S_ISDIR(entry.status.st_mode)
            if decide is not None and decide(entry.name).excluded:
                if is_folder and not self.ignore.may_skip(entry.name):
                    waiting.append((len(stack), entry))
                    stack.append(_entries(entry.path, entry.name + "/"))
                continue
            for _, folder in waiting:
                yield folder
            waiting.clear()
            yield entry
            if is_folder:
                stack.append(_entries(entry.path, entry.name + "/"))

    def hidden(self) -> Iterator[str]:
        """What .dockerignore leaves out, the uppermost names only: all below them is left out too."""
        if not self.ignore.patterns:
            return
        stack = _entries(self.root, "")
        while stack:
            entry = stack.pop()
            is_folder = stat.S_ISDIR(entry.status.st_mode)
            excluded = self.ignore.verdict(entry.name).excluded
            if excluded and (not is_folder or not self.scan(entry.name)):
                yield entry.name
            elif is_folder:
                stack += _entries(entry.path, entry.name + "/")

    def digests(self, files: Sequence[Found], helper: Helper) -> list[str]:
        """What files are, for a cache key: type, mode and content; no owner, attributes or times."""
        index, now = self.index, time.time_ns()
        marks = [_mark(file, index) for file in files]
        unknown = ((file.path,) for file, mark in zip(files, marks, strict=True) if not mark)
        helper.prepare(hash_file, marks.count(""))
        hashed = helper.map(hash_file, unknown)
        for place, file in enumerate(files):
            if not marks[place]:
                marks[place] = _hashed(file, next(hashed), index, now)
        return marks


def _mark(file: Found, index: FileIndex) -> str:
    """What a file is; "" for one that is to be hashed."""
    mode = file.status.st_mode
    if not stat.S_ISREG(mode):
        return other_mark(file)
    digest = index.known(file.name, file.status)
    return "" if digest is None else f"f{stat.S_IMODE(mode):o}:{digest}"


def other_mark(file: Found) -> str:
    """What a file is that has no bytes: a link's target, or kind, mode and device."""
    mode = file.status.st_mode
    if stat.S_ISLNK(mode):
        return "l:" + os.readlink(file.path)
    return f"{stat.S_IFMT(mode):o}{stat.S_IMODE(mode):o}:{file.status.st_rdev}"


def _hashed(file: Found, digest: str, index: FileIndex, before: int) -> str:
    """What a regular file is that was read after the moment `before`."""
    index.learn(file.name, file.status, digest, before)
    return f"f{stat.S_IMODE(file.status.st_mode):o}:{digest}"


def _entries(folder: str, prefix: str) -> list[Found]:
    """The entries of a folder in reverse byte order, to be popped from the end."""
    try:
        with os.scandir(folder) as found:
            entries = [
                Found(prefix + e.name, e.path, Status.of(e.stat(follow_symlinks=False)), "") for e in found
            ]
    except PermissionError:
        raise ContextError(
            f"{folder} in the build context cannot be read",
            hint="list it in .dockerignore, or change its mode",
        ) from None
    # Names differ, so nothing behind them is compared; what is not ASCII may be no UTF-8, either.
    plain = all(entry.name.isascii() for entry in entries)
    entries.sort(key=None if plain else lambda entry: os.fsencode(entry.name), reverse=True)
    return entries


def open_context(root: str, dockerfile: str, store_root: str | None) -> Context:
    """The context in a folder.  ``NAME.dockerignore`` beside the Dockerfile wins over ``.dockerignore``.

    Without `store_root` it is one that was fetched: nothing is remembered of its files.  Raises
    ContextError where it is not a folder.
    """
    # A link that a user names stands for what it points to.
    path = os.path.realpath(root)
    if not os.path.isdir(path):
        kind = "is not a directory" if os.path.exists(path) else "not found"
        raise ContextError(
            f'unable to prepare context: path "{root}" {kind}', hint="give the folder of the build"
        )
    rules = ignore.Ignore()
    beside = os.path.join(path, ".dockerignore")
    if store_root is None:
        # It came from elsewhere: a link in it leads to nothing of this machine's.
        beside = resolve(path, ".dockerignore")
    for name in (dockerfile + ".dockerignore", beside):
        try:
            rules = ignore.parse(_text(name, foreign=store_root is None))
            break
        except FileNotFoundError:
            continue
    if store_root is None:
        return Context(path, rules, None)
    mark = hex_of(os.fsencode(path))[:32]
    return Context(path, rules, os.path.join(store_root, "contexts", mark))


def _text(path: str, *, foreign: bool) -> str:
    """The rules in a file.  One that came from elsewhere may be a pipe that nobody ever writes to."""
    if foreign and os.path.lexists(path) and not os.path.isfile(path):
        raise ContextError(f"{os.path.basename(path)} of the build context is not a regular file")
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ContextError(f"{path} has more than {LARGEST} characters")
    return text
