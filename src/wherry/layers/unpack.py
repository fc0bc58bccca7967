"""A layer's tar, read once, into a tree in overlay form.

The archive is hostile: no name leads out of the tree, no file is written through a symlink, and the first
entry that tries is an error.  OCI image-spec, layer.md: whiteouts apply to lower layers only.
"""

from __future__ import annotations

import hashlib
import os

from wherry.errors import CorruptError, HostileArchiveError
from wherry.layers.entry import BLOCK, CHARACTER, FILE, FOLDER, LINK, OPAQUE, WHITEOUT, Entry, kept_xattr
from wherry.layers.pack import Packed, disk_size
from wherry.layers.tarread import TarReader
from wherry.layers.tree import ROOT_MODE
from wherry.layers.whiteout import make_opaque, make_whiteout
from wherry.layers.writefile import ZEROS, is_folder, make_special, set_metadata, write_bytes
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.tarread import Member, Reader

LONGEST_NAME = 4096


class _Counted:
    """A stream that hashes and counts what is read through it."""

    def __init__(self, stream: Reader) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.hash.update(data)
        self.size += len(data)
        return data


def unpack(stream: Reader, dest: str, *, name: str = "archive", markers: bool = True) -> Packed:
    """Unpack an uncompressed tar into `dest`, an existing empty folder; return its diff ID and sizes.

    With `markers` false, names that begin with ``.wh.`` are refused rather than read as deletions (an
    archive that a user gives to ADD is not a layer).  Raises HostileArchiveError and CorruptError, after
    which `dest` holds a part of the archive and is to be removed.
    """
    source = _Counted(stream)
    reader = TarReader(source, name)
    tree = Unpacker(dest, name, markers=markers)
    for member in reader:
        tree.add(member, reader.data())
    tree.finish()
    reader.drain()
    return Packed("sha256:" + source.hash.hexdigest(), source.size, tree.size, tree.count)


class Unpacker:
    """Puts members into a folder, one after the other; finish() sets what has to be set last."""

    def __init__(self, dest: str, name: str, *, markers: bool = True) -> None:
        self._dest = os.fsencode(dest)
        self._name = name
        self._markers = markers
        # Folders that this archive made, and their metadata: set last, since filling them changes it.
        self._folders: dict[bytes, Entry | None] = {b"": None}
        self.size = 0
        self.count = 0

    def add(self, member: Member, data: Iterator[bytes]) -> None:
        path = self._checked(member.entry.name)
        entry = member.entry._replace(
            name=path,
            xattrs=tuple(x for x in member.entry.xattrs if kept_xattr(os.fsdecode(x[0]))),
        )
        self.count += 1
        if not path:
            if entry.type == FOLDER:
                self._folders[b""] = entry
            return
        parent, _, base = path.rpartition(b"/")
        self._make_parents(parent)
        if self._markers and base.startswith(WHITEOUT):
            self._mark(parent, base)
        elif base.startswith(WHITEOUT):
            raise HostileArchiveError(f"{self._name}: {os.fsdecode(path)}: names of deletions mean a layer")
        else:
            self._make(entry, member, data)

    def finish(self) -> None:
        """Give the folders their metadata, the deepest first."""
        for path in sorted(self._folders, reverse=True):
            entry = self._folders[path]
            if entry is not None:
                set_metadata(self._host(path), entry)

    def _host(self, path: bytes) -> bytes:
        return self._dest + b"/" + path if path else self._dest

    def _checked(self, name: bytes) -> bytes:
        """The name without ``./`` and slashes at its end.  Refuses what leads out."""
        if name.startswith(b"/"):
            raise self._hostile(name, "an absolute name")
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        if b".." in parts:
            raise self._hostile(name, "a name that leads out of the archive")
        if b"\0" in name or len(name) > LONGEST_NAME:
            raise self._hostile(name, "an impossible name")
        return b"/".join(parts)

    def _hostile(self, name: bytes, why: str) -> HostileArchiveError:
        shown = os.fsdecode(name[:200]).encode("utf-8", "backslashreplace").decode()
        return HostileArchiveError(
            f"{self._name}: {shown!r}: {why}",
            hint="nothing of this archive is used; do not trust its source",
        )

    def _make_parents(self, parent: bytes) -> None:
        if parent in self._folders:
            return
        upper = parent.rpartition(b"/")[0]
        self._make_parents_of(upper, parent)

    def _make_parents_of(self, upper: bytes, parent: bytes) -> None:
        missing = [parent]
        while upper not in self._folders:
            missing.append(upper)
            upper = upper.rpartition(b"/")[0]
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

    def _make(self, entry: Entry, member: Member, data: Iterator[bytes]) -> None:
        host = self._host(entry.name)
        if entry.type == FOLDER and is_folder(host):
            self._folders[entry.name] = entry
            return
        self._make_way(entry.name, host)
        self.size += disk_size(entry)
        if entry.type == FILE:
            write_bytes(host, _expanded(member, data), entry.size)
        elif entry.type == LINK:
            self._link(entry, host)
            return
        elif entry.type not in (b"2", FOLDER, b"6", CHARACTER, BLOCK):
            raise CorruptError(f"{self._name}: {os.fsdecode(entry.name)}: unknown type {entry.type!r}")
        elif not make_special(host, entry):
            return
        if entry.type == FOLDER:
            self._folders[entry.name] = entry
        else:
            set_metadata(host, entry)

    def _make_way(self, name: bytes, host: bytes) -> None:
        """A later entry of the same name replaces the earlier one, as in every tar."""
        if not os.path.lexists(host):
            return
        if is_folder(host):
            import shutil

            shutil.rmtree(host)
            for path in [p for p in self._folders if p == name or p.startswith(name + b"/")]:
                del self._folders[path]
        else:
            os.unlink(host)

    def _link(self, entry: Entry, host: bytes) -> None:
        target = self._checked(entry.target)
        if target.rpartition(b"/")[0] not in self._folders:
            raise self._hostile(entry.name, "a hard link through something that is not a folder")
        try:
            os.link(self._host(target), host, follow_symlinks=False)
        except (FileNotFoundError, PermissionError):
            raise CorruptError(
                f"{self._name}: {os.fsdecode(entry.name)} links to {os.fsdecode(target)}, which is absent"
            ) from None


def _expanded(member: Member, data: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of a file, the holes of a sparse one filled in with zeros."""
    if member.segments is None:
        yield from data
        return
    position, held = 0, b""
    for offset, length in member.segments:
        yield from _zeros(offset - position)
        left = length
        while left:
            if not held:
                held = next(data)
            yield held[:left]
            taken = min(left, len(held))
            held, left = held[taken:], left - taken
        position = offset + length
    yield from _zeros(member.entry.size - position)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield ZEROS[:count]
        count -= min(count, len(ZEROS))
