"""COPY and ADD: the layer that they make, written as a tree without a mount."""

from __future__ import annotations

import os
import posixpath
import stat
import time
from collections import deque
from contextlib import closing
from itertools import starmap

from wherry.builder.context.layer_before import identity
from wherry.errors import ContextError
from wherry.layers.copying import altered
from wherry.layers.early import EarlyPack, make
from wherry.layers.entry import FOLDER, Entry
from wherry.layers.pack import SMALL, Known
from wherry.layers.tree import ROOT_MODE, entry_of
from wherry.layers.writefile import SECOND, is_folder, set_metadata
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Set

    from wherry.builder.context.layer_before import LayerBefore
    from wherry.builder.context.sources import Source
    from wherry.builder.steps.copy_plan import CopyPlan, Placed
    from wherry.dockerfile.chmod import Chmod
    from wherry.helper import Helper
    from wherry.layers.copying import Into
    from wherry.layers.early import Made
    from wherry.layers.view import Node, View

    _File = tuple[str, str, bool, bool, int | None, Into]
    _Make = tuple[bool, str, str, bool, bool, int | None, Into]


def write_layer(
    plan: CopyPlan,
    view: View,
    tree: str,
    helper: Helper,
    owner: tuple[int, int] | None,
    mode: Chmod | None,
    mtime: int | None = None,
    before: LayerBefore | None = None,
) -> Known:
    """Make the layer's tree in `tree`, an existing empty folder.

    Parents that the image has are repeated with their own metadata, as any layer repeats them; folders
    that are copied onto those of the image give them theirs.  What is copied keeps its time, unless
    `mtime` (seconds) is given, which files without a date of their own get.  Without `owner` files of an
    image keep theirs, and all else is root's.

    What is in the layer `before` as it would be made is linked, not copied; what the new one holds is
    told to it.
    """
    for source in plan.sources:
        source.ready()
    helper.prepare(make, len(plan.placed))
    with closing(EarlyPack(tree)) as early:
        layer = _Layer(view, tree, early, owner, mode, mtime, before)
        if plan.folder:
            layer.reach(plan.folder)
        layer.fill(plan, helper)
        if plan.archives:
            early.give_up()
        for archive in plan.archives:
            layer.unpack(archive)
        layer.finish()
        return Known(layer.alone and not plan.archives, early.packed())


ROOT = (0, 0)


class _Origin(NamedTuple):
    """The host folder whose metadata a folder gets: the image's, or the one of `source` that is copied."""

    path: str
    source: Source | None = None


class _Layer:
    def __init__(
        self,
        view: View,
        tree: str,
        early: EarlyPack,
        owner: tuple[int, int] | None,
        mode: Chmod | None,
        mtime: int | None,
        before: LayerBefore | None,
    ) -> None:
        self._view = view
        self._tree = tree
        self._early = early
        self._now = time.time_ns()  # the time of new folders
        self._owner = owner
        self._mode = mode
        self._mtime = mtime
        self._before = before
        self._there: dict[str, Node | None] = {}  # the image's folders, by their names
        self._into: dict[Source, Into] = {}
        self._links: dict[tuple[int, int, int], str] = {}
        self._shared: Set[tuple[int, int, int] | None] = frozenset()
        self.alone = True
        self._folders: dict[str, _Origin | None] = {}  # None: a new one
        # New folders that only an archive asked for: --chmod is for what is copied.
        self._of_archives: set[str] = set()

    def fill(self, plan: CopyPlan, helper: Helper) -> None:
        """Make what is copied, but for archives."""
        self._shared = _shared(plan.placed)
        waiting: deque[tuple[Placed, bytes]] = deque()
        files = self._files(plan, waiting)
        # What is copied at once has each name once: only then it is the same in whatever order it is made.
        once = not plan.placed or plan.placed[-1].copy == plan.placed[0].copy
        for made in helper.map(make, files) if once else starmap(make, files):
            self._made(*waiting.popleft(), made)

    def _files(self, plan: CopyPlan, waiting: deque[tuple[Placed, bytes]]) -> Iterator[_Make]:
        """What make() is asked for, each in a folder that is there; hard links are made here."""
        for placed, mark in zip(plan.placed, plan.marks, strict=False):
            if placed.file.is_folder:
                self._folder(placed)
                continue
            self._check(placed)
            if not self._is_shared(placed):
                file, known = self._file(placed, mark)
                waiting.append((placed, known))
                yield self._early.file(placed.dest), *file
                continue
            self._early.give_up()
            if not self._hard_link(placed):
                self._made(placed, b"", make(False, *self._file(placed, mark)[0]))

    def _is_shared(self, placed: Placed) -> bool:
        return bool(self._shared) and placed.inode in self._shared

    def _check(self, placed: Placed) -> None:
        """Make its folder.  Raises ContextError where it would come into the place of a folder."""
        file, dest, *_ = placed
        folder = dest.rpartition("/")[0]
        if folder not in self._folders:
            self.reach(folder)
        existing = self._existing(folder, dest)
        if dest in self._folders or (existing is not None and existing.is_folder):
            raise ContextError(
                f"cannot copy /{file.name} over the directory /{dest}",
                hint="remove it before, with RUN rm -r",
            )

    def _file(self, placed: Placed, mark: str) -> tuple[_File, bytes]:
        """What make() makes it of, and its identity() where the next layer may be told of it."""
        file, dest, source, _ = placed
        status = file.status
        into = self._into.get(source) or self._into_from(source)
        before, known, kept, bits = self._before, b"", False, None
        is_file = stat.S_ISREG(status.st_mode)
        if is_file:
            mode = stat.S_IMODE(status.st_mode)
            if self._mode is not None:
                mode = bits = self._mode.apply(mode, folder=False)
            if before is not None and not self._is_shared(placed):
                _, _, owner, mtime, _ = into
                moment = status.st_mtime_ns if mtime is None else mtime * SECOND
                known = identity(dest, mark, mode, owner or (status.st_uid, status.st_gid), moment)
                kept = before.has(known)
        return (dest, file.path, kept, is_file and status.st_size <= SMALL, bits, into), known

    def _into_from(self, source: Source) -> Into:
        """How files of a source are made."""
        other = "" if self._before is None else self._before.tree
        owner, mtime = self._owner_from(source), self._mtime_from(source)
        # What a checkout's files are marked with says something of this machine.
        into = self._tree, other, owner, mtime, source.has_owners
        self._into[source] = into
        return into

    def _made(self, placed: Placed, known: bytes, made: Made) -> None:
        """make() gave `made`."""
        now = made[0]
        if now is False:
            self._make_room(f"{self._tree}/{placed.dest}")
            make(False, *self._file(placed, "")[0])
            return
        self._early.made(made)
        if self._before is not None and known:
            if now is True:
                self._before.linked(known)
            else:
                self._before.copied(known, placed.file.status, now)

    def _hard_link(self, placed: Placed) -> bool:
        """Whether it has become another name of a file that is there."""
        assert placed.inode is not None  # noqa: S101
        host = f"{self._tree}/{placed.dest}"
        first = self._links.setdefault(placed.inode, host)
        if first == host or not os.path.lexists(first):
            return False
        try:
            os.link(first, host, follow_symlinks=False)
        except FileExistsError:
            self._make_room(host)
            os.link(first, host, follow_symlinks=False)
        self.alone = False
        return True

    def _make_room(self, host: str) -> None:
        """Another file has come to the same place."""
        self._early.give_up()
        os.unlink(host)
        if self._before is not None:
            self._before.replaced()

    def _existing(self, folder: str, dest: str) -> Node | None:
        """What the image has at `dest`, itself not followed, in `folder`, which is looked for once."""
        if folder not in self._there:
            self._there[folder] = self._view.find(folder)
        above = self._there[folder]
        return self._view.child(above, dest.rpartition("/")[2]) if above is not None else None

    def _owner_from(self, source: Source) -> tuple[int, int] | None:
        return ROOT if self._owner is None and not source.has_owners else self._owner

    def _mtime_from(self, source: Source) -> int | None:
        return self._mtime if source.is_dateless else None

    def _folder(self, placed: Placed) -> None:
        file, dest, source, _ = placed
        above = posixpath.dirname(dest)
        self.reach(above)
        existing = self._existing(above, dest)
        there = existing is not None and not existing.is_folder
        if there or (os.path.lexists(f"{self._tree}/{dest}") and dest not in self._folders):
            raise ContextError(
                f"cannot copy the directory /{file.name} over /{dest}, which is not a directory",
                hint="remove it before, with RUN rm" if there else None,
            )
        self._make(dest, _Origin(file.path, source))

    def reach(self, folder: str) -> None:
        """The destination or a folder on the way to it: the image's, or a new one."""
        if folder in self._folders or not folder:
            return
        parts = folder.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            if name in self._folders or os.path.isdir(f"{self._tree}/{name}"):
                continue
            existing = self._view.find(name, follow_last=False)
            if existing is not None and not existing.is_folder:
                raise ContextError(f"cannot copy below /{name}: it is not a directory")
            self._make(name, _Origin(existing.path) if existing is not None else None)

    def _make(self, dest: str, origin: _Origin | None) -> None:
        if dest not in self._folders:
            os.mkdir(f"{self._tree}/{dest}", 0o700)
        self._folders[dest] = origin
        if self._early.going:
            self._early.folder(dest, self._folder_entry(dest)[0])

    def unpack(self, archive: Placed) -> None:
        from wherry.layers.compress import decompressed
        from wherry.layers.tarread import TarReader
        from wherry.layers.unpack import Unpacker

        file, dest, *_ = archive
        before = set(self._folders)
        self.reach(dest)
        self._of_archives |= set(self._folders) - before
        unpacker = Unpacker(
            posixpath.join(self._tree, dest), file.name, markers=False, follow=self._following(dest)
        )
        with open(file.path, "rb") as raw:
            reader = TarReader(decompressed(raw), file.name)
            for member in reader:
                entry = member.entry
                if os.path.normpath(entry.name) in (b".", b"/"):
                    continue  # the destination is not the archive's
                if self._owner is not None:
                    entry = entry._replace(uid=self._owner[0], gid=self._owner[1])
                unpacker.add(member._replace(entry=entry), reader.data())
        unpacker.finish()
        given = {posixpath.join(dest, name) for name in unpacker.given()}
        self._folders = {
            name: origin
            for name, origin in self._folders.items()
            if name not in given and is_folder(os.fsencode(f"{self._tree}/{name}"))
        }

    def _following(self, dest: str) -> Callable[[str], str]:
        """How an archive's folders are reached: through symlinks, inside the destination."""
        merged = self._view.under(self._tree)
        folder = merged.find(dest)
        assert folder is not None  # noqa: S101
        inside = merged.rooted(folder)

        def follow(path: str) -> str:
            real = inside.followed(path)
            place = ""
            for part in posixpath.join(dest, real).split("/"):
                place = posixpath.join(place, part)
                existing = self._view.find(place, follow_last=False)
                if existing is not None and not os.path.lexists(f"{self._tree}/{place}"):
                    self.reach(place)
            return real

        return follow

    def _folder_entry(self, dest: str) -> tuple[Entry, int]:
        """What a folder is in the end, without its name, and its time (ns)."""
        origin = self._folders[dest]
        if origin is None:
            return self._new_entry(dest), self._now
        path, source = origin
        status = os.stat(path)
        moment = status.st_mtime_ns
        entry = entry_of(b"", os.fsencode(path), status, {})
        assert entry is not None  # noqa: S101
        if source is not None:
            entry = altered(entry, self._owner_from(source), self._mode)
            entry = entry if source.has_owners else entry._replace(xattrs=())
            mtime = self._mtime_from(source)
            moment = moment if mtime is None else mtime * SECOND
        return entry._replace(mtime=moment // SECOND), moment

    def _new_entry(self, dest: str) -> Entry:
        """A new folder has the mode that is asked for in figures; else it inherits setgid and its group."""
        inherited = self._inherited_group(posixpath.dirname(dest))
        octal = self._mode.octal if self._mode is not None and dest not in self._of_archives else None
        mode = ROOT_MODE if octal is None else octal
        if inherited is not None and octal is None:
            mode |= stat.S_ISGID
        uid, gid = self._owner or (0, inherited or 0)
        return Entry(b"", FOLDER, mode, uid, gid, 0, self._now // SECOND)

    def _inherited_group(self, folder: str) -> int | None:
        """The group of a folder that has setgid, by which what is made in it goes."""
        if folder in self._folders:
            origin = self._folders[folder]
            if origin is None:
                return self._inherited_group(posixpath.dirname(folder)) if folder else None
            status = os.stat(origin.path)
        else:
            existing = self._view.find(folder)
            if existing is None:
                return None
            status = existing.status
        return status.st_gid if status.st_mode & stat.S_ISGID else None

    def finish(self) -> None:
        """Folders get their metadata last: filling them changes their times."""
        for dest in sorted(self._folders, reverse=True):
            entry, moment = self._folder_entry(dest)
            host = f"{self._tree}/{dest}"
            set_metadata(host, entry)
            os.utime(host, ns=(moment, moment))


def _shared(files: Sequence[Placed]) -> Set[tuple[int, int, int] | None]:
    """The inodes that more than one of the files are: these become one file in the layer, too."""
    seen: set[tuple[int, int, int]] = set()
    shared: set[tuple[int, int, int] | None] = set()
    for placed in files:
        if placed.file.status.st_nlink > 1 and (inode := placed.inode) is not None:
            (shared if inode in seen else seen).add(inode)
    return shared
