"""A layer's tar, read once, into a tree in overlay form.

The archive is hostile: no name leads out of the tree, and the first entry that tries is an error.  An
absolute name begins at the tree, as for tar(1).  A symlink on the way to a file is followed inside the
tree, as for a process that has it as its root, or is an error.  OCI image-spec, layer.md: whiteouts apply
to lower layers only.
"""

from __future__ import annotations

import contextlib
import errno
import os

from wherry.errors import ContextError, CorruptError, HostileArchiveError
from wherry.layers.ahead import Ahead
from wherry.layers.entry import BLOCK, CHARACTER, FILE, FOLDER, LINK, OPAQUE, WHITEOUT, Entry, kept_xattr
from wherry.layers.pack import Packed, disk_size
from wherry.layers.remove import remove_tree
from wherry.layers.tarread import TarReader
from wherry.layers.tree import ROOT_MODE
from wherry.layers.view import View
from wherry.layers.whiteout import make_opaque, make_whiteout
from wherry.layers.writefile import is_folder, make_special, set_metadata, write_bytes, write_segments
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.layers.tarread import Member, Reader

LONGEST_NAME = 4096
"""Bytes."""
MOST_MEMBERS = 20_000_000
"""Of one archive: the inodes of a whole disk."""
MOST_FOLDER_ATTRIBUTES = 1 << 26
"""Bytes of the extended attributes of all folders, which are kept until the end."""
# What says that this machine cannot go on; every other refusal of the kernel is about the member.
MACHINE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE,
                     errno.ENOMEM, errno.EACCES, errno.EPERM))  # fmt: skip


def unpack(
    stream: Reader,
    dest: str,
    *,
    name: str = "archive",
    markers: bool = True,
) -> Packed:
    """Unpack an uncompressed tar into `dest`, an existing empty folder; return its diff ID and sizes.

    With `markers` false, names that begin with ``.wh.`` are refused rather than read as deletions (an
    archive that a user gives to ADD is not a layer).  Raises
    HostileArchiveError and CorruptError, after which `dest` holds a part of the archive and is to be
    removed.
    """
    with Ahead(stream) as source:
        reader = TarReader(source, name)
        tree = Unpacker(dest, name, markers=markers, follow=View([dest]).followed)
        for member in reader:
            tree.add(member, reader.data())
        tree.finish()
        reader.drain()
    return Packed("sha256:" + source.hash.hexdigest(), source.size, tree.size, tree.count)


CROWD = 20
"""Tries at a name that others take at the same time."""


class Unpacker:
    """Puts members into a folder, one after the other; finish() sets what has to be set last.

    `follow` gives a folder's path, relative to `dest`, without symlinks.  Without it they are refused.
    With `keep_kinds` no folder gives way to something else, and nothing else to a folder.
    """

    def __init__(
        self,
        dest: str,
        name: str,
        *,
        markers: bool = True,
        follow: Callable[[str], str] | None = None,
        keep_kinds: bool = False,
    ) -> None:
        self._dest = os.fsencode(dest)
        self._name = name
        self._markers = markers
        self._follow = follow
        self._keep_kinds = keep_kinds
        # Folders that this archive made, and their metadata: set last, since filling them changes it.
        self._folders: dict[bytes, Entry | None] = {b"": None}
        self._attributes = 0
        self._room_for_holes: int | None = None
        self.size = 0
        self.count = 0

    def add(self, member: Member, data: Iterator[bytes]) -> None:
        """Raises HostileArchiveError and CorruptError, which name the member."""
        try:
            self._add(member, data)
        except OSError as error:
            raise self._refusal(member.entry.name, error) from None

    def _add(self, member: Member, data: Iterator[bytes]) -> None:
        entry = member.entry
        path = self._reached(self._checked(entry.name))
        if path != entry.name or entry.xattrs:
            kept = tuple(x for x in entry.xattrs if kept_xattr(os.fsdecode(x[0])))
            entry = entry._replace(name=path, xattrs=kept)
        self.count += 1
        if self.count > MOST_MEMBERS:
            raise CorruptError(f"{self._name}: more than {MOST_MEMBERS} members")
        if not path:
            if entry.type == FOLDER:
                self._keep(entry)
            return
        parent, _, base = path.rpartition(b"/")
        if self._markers and base.startswith(WHITEOUT):
            self._mark(parent, base)
        elif base.startswith(WHITEOUT):
            raise HostileArchiveError(f"{self._name}: {os.fsdecode(path)}: names of deletions mean a layer")
        else:
            self._made(entry, member, data)

    def given(self) -> set[str]:
        """The folders, relative to `dest`, whose metadata the archive gives."""
        return {os.fsdecode(path) for path, entry in self._folders.items() if entry is not None}

    def finish(self) -> None:
        """Give the folders their metadata, the deepest first."""
        for path in sorted(self._folders, reverse=True):
            entry = self._folders[path]
            if entry is not None:
                try:
                    set_metadata(self._host(path), entry)
                except OSError as error:
                    raise self._refusal(path, error) from None

    def _keep(self, folder: Entry) -> None:
        """The metadata of a folder is set at the end."""
        self._attributes += sum(len(name) + len(value) for name, value in folder.xattrs)
        if self._attributes > MOST_FOLDER_ATTRIBUTES:
            raise self._corrupt(
                folder.name, f"attributes of folders of more than {MOST_FOLDER_ATTRIBUTES} bytes"
            )
        self._folders[folder.name] = folder

    def _host(self, path: bytes) -> bytes:
        return self._dest + b"/" + path if path else self._dest

    def _checked(self, name: bytes) -> bytes:
        """The name without ``./`` and slashes around it.  Refuses what leads out."""
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        if b".." in parts:
            raise self._hostile(name, "a name that leads out of the archive")
        if b"\0" in name or len(name) > LONGEST_NAME:
            raise self._hostile(name, "an impossible name")
        return b"/".join(parts)

    def _hostile(self, name: bytes, why: str) -> HostileArchiveError:
        return HostileArchiveError(
            f"{self._name}: {os.fsdecode(name[:200])!r}: {why}",
            hint="nothing of this archive is used; do not trust its source",
        )

    def _refusal(self, name: bytes, error: OSError) -> Exception:
        return error if error.errno in MACHINE else self._corrupt(name, error.strerror or str(error))

    def _corrupt(self, name: bytes, why: str) -> CorruptError:
        return CorruptError(f"{self._name}: {os.fsdecode(name[:200])!r}: {why}")

    def _reached(self, path: bytes) -> bytes:
        """The path whose folders are folders, all of them there."""
        parent, slash, base = path.rpartition(b"/")
        if parent in self._folders:
            return path
        if self._follow is not None:
            parent = os.fsencode(self._follow(os.fsdecode(parent)))
        self._make_folders(parent)
        return parent + slash + base if parent else base

    def _make_folders(self, path: bytes) -> None:
        missing = []
        while path not in self._folders:
            missing.append(path)
            path = path.rpartition(b"/")[0]
        for path in reversed(missing):
            host = self._host(path)
            if not is_folder(host):
                if os.path.lexists(host):
                    raise self._hostile(path, "files below something that is not a folder")
                os.mkdir(host)
                os.chmod(host, ROOT_MODE)
            self._folders[path] = None

    def _mark(self, parent: bytes, base: bytes) -> None:
        if base == OPAQUE:
            make_opaque(os.fsdecode(self._host(parent)))
            return
        hidden = base[len(WHITEOUT) :]
        if hidden in (b"", b".", b".."):
            raise self._hostile(base, "an impossible deletion")
        host = self._host(parent + b"/" + hidden if parent else hidden)
        if not os.path.lexists(host):
            make_whiteout(os.fsdecode(host))

    def _made(self, entry: Entry, member: Member, data: Iterator[bytes]) -> None:
        """Make a member, also where somebody else makes files of its name at the same time."""
        if entry.type != FOLDER:
            self.size += disk_size(entry)
        if entry.type == FILE and member.segments is not None:
            self._check_holes(entry, member.stored)
        for _ in range(CROWD):
            with contextlib.suppress(FileExistsError):
                self._make(entry, member, data)
                return
        self._make(entry, member, data)

    def _make(self, entry: Entry, member: Member, data: Iterator[bytes]) -> None:
        """Raises FileExistsError, before any data is read, for a name that is taken anew meanwhile."""
        host = self._host(entry.name)
        if entry.type == FOLDER and is_folder(host):
            self._keep(entry)
            return
        if self._keep_kinds and os.path.lexists(host) and is_folder(host) != (entry.type == FOLDER):
            kinds = ("directory", "non-directory") if is_folder(host) else ("non-directory", "directory")
            raise ContextError(f"cannot overwrite {kinds[0]} {os.fsdecode(host)} with {kinds[1]}")
        if entry.type == FILE:
            try:
                self._write(host, member, entry, data)
            except FileExistsError:
                self._make_way(entry.name, host)
                self._write(host, member, entry, data)
            return
        self._make_way(entry.name, host)
        if entry.type == LINK:
            self._link(entry, host)
            return
        if entry.type not in (b"2", FOLDER, b"6", CHARACTER, BLOCK):
            raise self._corrupt(entry.name, f"unknown type {entry.type!r}")
        if not make_special(host, entry):
            return
        if entry.type == FOLDER:
            self._keep(entry)
        else:
            set_metadata(host, entry)

    def _write(self, host: bytes, member: Member, entry: Entry, data: Iterator[bytes]) -> None:
        if member.segments is None:
            write_bytes(host, data, entry)
        else:
            write_segments(host, member.segments, data, entry)

    def _check_holes(self, entry: Entry, stored: int) -> None:
        # Holes cost nothing here, but they are hashed and written as zeros when the layer leaves.
        if self._room_for_holes is None:
            disk = os.statvfs(self._dest)
            self._room_for_holes = disk.f_bavail * disk.f_frsize
        self._room_for_holes -= entry.size - stored
        if self._room_for_holes < 0:
            raise self._corrupt(
                entry.name,
                f"a sparse file of {entry.size} bytes, whose holes are more than the disk has free",
            )

    def _make_way(self, name: bytes, host: bytes) -> None:
        """A later entry of the same name replaces the earlier one, as in every tar."""
        if not os.path.lexists(host):
            return
        if is_folder(host):
            # As many as are there: to look through all that are known would be quadratic.
            for path in _folders_below(host):
                self._folders.pop(name + path[len(host) :], None)
            remove_tree(os.fsdecode(host))
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(host)

    def _link(self, entry: Entry, host: bytes) -> None:
        target = self._reached(self._checked(entry.target))
        try:
            os.link(self._host(target), host, follow_symlinks=False)
        except (FileNotFoundError, PermissionError):
            raise self._corrupt(
                entry.name, f"links to {os.fsdecode(target[:200])!r}, which is absent"
            ) from None


def _folders_below(top: bytes) -> Iterator[bytes]:
    """A folder and all folders below it."""
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        yield folder
        with os.scandir(folder) as entries:
            waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
