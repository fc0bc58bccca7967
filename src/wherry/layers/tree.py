"""Walking a tree in the one order in which layers are written."""

from __future__ import annotations

import os
import stat

from wherry.layers.entry import (
    BLOCK,
    CHARACTER,
    FIFO,
    FILE,
    FOLDER,
    LINK,
    OPAQUE,
    SYMLINK,
    WHITEOUT,
    Entry,
    kept_xattr,
)
from wherry.layers.whiteout import is_opaque, is_whiteout
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.entry import AnyStatus

TYPES = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: FOLDER,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFCHR: CHARACTER,
    stat.S_IFBLK: BLOCK,
    stat.S_IFIFO: FIFO,
}
ROOT_MODE = 0o755
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Item(NamedTuple):
    """An entry of a layer's tar and the file it comes from (None for a whiteout or a marker).

    `file` is that, open for reading until the next item is asked for, where walk() was to open it.
    """

    entry: Entry
    path: bytes | None
    status: os.stat_result
    file: int | None = None


def walk(tree: str, *, alone: bool = False, opened: bool = False) -> Iterator[Item]:
    """The entries of a tree in overlay form, as its layer's tar has them.

    Folders come before what they hold, names in byte order; of several hard links the first is the file.
    Whiteouts and opaque folders come by their names in tars.  Sockets are left out, as every builder
    leaves them out: a tar has no type for them.  The root is an entry only where it is not 0755 0:0.

    With `alone` no two names of the tree are one file: other names that its files have are elsewhere.
    With `opened` regular files are opened: to ask an open file what it is costs half of asking by its name.
    """
    yield from root_of(tree)
    links: dict[int, bytes] | None = None if alone else {}
    for listed in list_tree(tree):
        yield from items_of(*listed, links, opened=opened)


def root_of(tree: str) -> Iterator[Item]:
    """The root's own entry, where it is one."""
    top = os.fsencode(tree)
    status = os.lstat(top)
    root = entry_of(b"", top, status, {})
    assert root is not None  # noqa: S101
    if (root.mode, root.uid, root.gid) != (ROOT_MODE, 0, 0):
        yield Item(root._replace(mtime=0), top, status)


def list_tree(tree: str) -> Iterator[tuple[bytes, bytes, bool]]:
    """What is below the root in walk()'s order, not looked at: names, paths, and whether regular files."""
    # A stack of iterators, not recursion: a hostile tree may be deeper than Python's stack.
    stack = [_listing(os.fsencode(tree), b"")]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
            continue
        name, path, is_file, is_folder = found
        yield name, path, is_file
        if is_folder:
            stack.append(_listing(path, name + b"/"))


def items_of(
    name: bytes,
    path: bytes,
    is_file: bool,
    links: dict[int, bytes] | None,
    *,
    opened: bool,
) -> Iterator[Item]:
    """walk()'s items of one that list_tree() gave: none of a socket, two of an opaque folder."""
    file = os.open(path, READ) if opened and is_file else None
    try:
        status = os.lstat(path) if file is None else os.fstat(file)
        if not status.st_size and is_whiteout(path, status):
            folder, _, base = name.rpartition(b"/")
            hidden = (folder + b"/" if folder else b"") + WHITEOUT + base
            yield Item(Entry(hidden, FILE, 0o600), None, status)
            return
        entry = entry_of(name, path if file is None else file, status, links)
        if entry is None:
            return
        yield Item(entry, path, status, file)
    finally:
        if file is not None:
            os.close(file)
    if entry.type == FOLDER and is_opaque(path):
        yield Item(Entry(name + b"/" + OPAQUE, FILE, 0o600), None, status)


def entry_of(
    name: bytes,
    path: bytes | int,
    status: AnyStatus,
    links: dict[int, bytes] | None,
    *,
    xattrs: bool = True,
) -> Entry | None:
    """The entry for one file, or None for a socket.  `path` may be the open file.  `links`
    remembers the first name of an inode; without it none is a link.

    Without `xattrs` its attributes are not asked for.
    """
    kind = TYPES.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    target = b""
    if links is not None and kind != FOLDER and status.st_nlink > 1:
        first = links.setdefault(inode_of(status), name)
        if first != name:
            kind, target = LINK, first
    if kind == SYMLINK and not isinstance(path, int):  # no link is ever an open file
        target = os.readlink(path)
    device = (0, 0)
    if kind in (CHARACTER, BLOCK):
        device = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return Entry(
        name,
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_size if kind == FILE else 0,
        int(status.st_mtime_ns // 1_000_000_000),
        target,
        device,
        xattrs_of(path) if xattrs and kind != LINK else (),
    )


def inode_of(status: AnyStatus) -> int:
    """Device and inode as one number: a tree whose files are links of another one's has one for each."""
    return status.st_dev << 64 | status.st_ino


def xattrs_of(path: bytes | str | int) -> tuple[tuple[bytes, bytes], ...]:
    """The extended attributes that belong to the image, sorted by name; `path` may be an open file."""
    follow = isinstance(path, int)  # nothing is followed from there
    try:
        names = os.listxattr(path, follow_symlinks=follow)
    except OSError:
        return ()
    if not names:
        return ()
    return tuple(
        (os.fsencode(name), os.getxattr(path, name, follow_symlinks=follow))
        for name in sorted(names)
        if kept_xattr(name)
    )


def _listing(folder: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes, bool, bool]]:
    """Names in the tree, paths, and whether they are regular files or folders, in their order."""
    with os.scandir(folder) as found:
        entries = sorted(
            [(e.name, e.is_file(follow_symlinks=False), e.is_dir(follow_symlinks=False)) for e in found]
        )
    above = folder + b"/"
    return ((prefix + name, above + name, is_file, is_folder) for name, is_file, is_folder in entries)
