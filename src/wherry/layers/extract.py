"""A view written out into a folder of the user's, over what lies there.

Nothing is written outside that folder: every name is made in a folder that is held open, and a symlink
that lies where a folder is to be is replaced, never followed.  Every file is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat

from wherry.layers.copying import fill
from wherry.layers.newfile import NewFile
from wherry.layers.remove import remove_tree
from wherry.layers.tree import xattrs_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.layers.view import Node, View

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def extract(view: View, folder: int, *, owners: bool) -> list[str]:
    """Write everything in `view` into an open folder: what has the same name there is replaced.

    Modes, times, attributes and hard links are kept, owners and capabilities with `owners`.  The folder
    itself stays as it is.  Returns the names of devices that the caller may not make.
    """
    top = view.root()
    if top is None:
        return []
    writer = _Writer(folder, owners=owners)
    try:
        for node in view.walk(top):
            writer.add(node)
    finally:
        writer.close()
    return writer.left_out


class _Writer:
    def __init__(self, folder: int, *, owners: bool) -> None:
        self._owners = owners
        # The folders on the way to the current file; each gets its metadata when it is left.
        self._trail: list[tuple[str, int, Node | None]] = [("", os.dup(folder), None)]
        self._links: dict[tuple[int, int], str] = {}
        self.left_out: list[str] = []

    def add(self, node: Node) -> None:
        parent, name = posixpath.split(node.name)
        while self._trail[-1][0] != parent:
            self._leave()
        folder = self._trail[-1][1]
        mode = node.status.st_mode
        if stat.S_ISDIR(mode):
            self._trail.append((node.name, _enter(folder, name), node))
        elif stat.S_ISSOCK(mode) or self._linked(node, folder, name):
            pass
        elif stat.S_ISREG(mode):
            self._file(node, folder, name)
        else:
            self._special(node, folder, name)

    def _file(self, node: Node, folder: int, name: str) -> None:
        with NewFile(folder, 0o600) as file:
            fill(node.path, file.number)
            self._metadata(node, file.number)
            try:
                file.commit(name)
            except IsADirectoryError:
                _remove(folder, name)
                file.commit(name)

    def _linked(self, node: Node, folder: int, name: str) -> bool:
        """Whether it is one more name of a file that was written before."""
        if node.status.st_nlink == 1:
            return False
        first = self._links.setdefault((node.status.st_dev, node.status.st_ino), node.name)
        if first == node.name:
            return False
        parts = first.split("/")
        above = os.dup(self._trail[0][1])
        try:
            for part in parts[:-1]:
                above, left = os.open(part, OPEN_FOLDER, dir_fd=above), above
                os.close(left)
            with contextlib.suppress(FileNotFoundError):  # a device that was left out
                _replace(folder, name, lambda n: _link(above, parts[-1], folder, n))
        finally:
            os.close(above)
        return True

    def _special(self, node: Node, folder: int, name: str) -> None:
        def make(chosen: str) -> None:
            if node.is_symlink:
                os.symlink(os.readlink(node.path), chosen, dir_fd=folder)
            else:
                kind = stat.S_IFMT(node.status.st_mode)
                os.mknod(chosen, kind | 0o600, node.status.st_rdev, dir_fd=folder)
            if self._owners:
                owner = node.status.st_uid, node.status.st_gid
                os.chown(chosen, *owner, dir_fd=folder, follow_symlinks=False)
            if not node.is_symlink:
                os.chmod(chosen, stat.S_IMODE(node.status.st_mode), dir_fd=folder)
            times = node.status.st_mtime_ns, node.status.st_mtime_ns
            os.utime(chosen, ns=times, dir_fd=folder, follow_symlinks=False)

        try:
            _replace(folder, name, make)
        except PermissionError:
            if not (stat.S_ISCHR(node.status.st_mode) or stat.S_ISBLK(node.status.st_mode)):
                raise
            self.left_out.append(node.name)

    def _metadata(self, node: Node, file: int) -> None:
        """Owner, mode, attributes, time: chown clears setuid and capabilities, so it comes first."""
        status = node.status
        if self._owners:
            os.fchown(file, status.st_uid, status.st_gid)
        os.fchmod(file, stat.S_IMODE(status.st_mode))
        for key, value in xattrs_of(node.path):
            if key == b"security.capability" and not self._owners:
                continue
            try:
                os.setxattr(file, key, value)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EPERM):
                    raise
        os.utime(file, ns=(status.st_mtime_ns, status.st_mtime_ns))

    def _leave(self) -> None:
        _, folder, node = self._trail.pop()
        try:
            if node is not None:
                self._metadata(node, folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        while self._trail:
            self._leave()


def _enter(folder: int, name: str) -> int:
    """The folder `name` in a folder, made where there is none, in place of what is not a folder."""
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            os.unlink(name, dir_fd=folder)
            os.mkdir(name, 0o700, dir_fd=folder)
    return os.open(name, OPEN_FOLDER, dir_fd=folder)


def _replace(folder: int, name: str, make: Callable[[str], None]) -> None:
    """Make `name`: at once where it is free, else beside what has the name, whose place it then takes."""
    with contextlib.suppress(FileExistsError):
        make(name)
        return
    temporary = f".{os.getpid()}-{os.urandom(6).hex()}.tmp"
    try:
        make(temporary)
        try:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except IsADirectoryError:
            _remove(folder, name)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)


def _link(above: int, name: str, folder: int, chosen: str) -> None:
    os.link(name, chosen, src_dir_fd=above, dst_dir_fd=folder, follow_symlinks=False)


def _remove(folder: int, name: str) -> None:
    remove_tree(f"/proc/self/fd/{folder}/{name}")
