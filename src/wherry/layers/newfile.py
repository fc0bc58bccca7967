"""A file that is there whole or not at all.

It has no name until it is finished (open(2), O_TMPFILE), so that a kill at any instant leaves nothing;
where the file system cannot do that, it has a name that begins with a dot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from wherry import umask
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

BUFFER = 1 << 18
NAMELESS_REFUSED = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


@contextlib.contextmanager
def new_file(path: str) -> Iterator[IO[bytes]]:
    """Write the file `path` anew; it has its name, in place of an older one, when the block ends well.

    Missing folders are made.  Its mode follows the caller's umask.  What is not a regular file (a pipe,
    /dev/null) is written to as it is.
    """
    mode = _mode(path)  # of what it leads to: /dev/fd/N leads to a pipe that has no path
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb", buffering=BUFFER) as special:
            yield special
        return
    parent, name = os.path.split(os.path.realpath(path))
    os.makedirs(parent, exist_ok=True)
    folder = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with NewFile(folder, 0o600) as file:
            with open(file.number, "wb", buffering=BUFFER, closefd=False) as out:
                yield out
            bits = stat.S_IMODE(mode) if mode is not None else 0o666 & ~umask.callers()
            os.fchmod(file.number, bits)
            file.commit(name)
    finally:
        os.close(folder)


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


class NewFile:
    """A new file in an open folder, and its descriptor `number`.

    Leaving it without commit() leaves nothing behind.
    """

    def __init__(self, folder: int, mode: int = 0o666) -> None:
        self._folder = folder
        self._temporary: str | None = None
        try:
            self.number = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode, dir_fd=folder)
        except OSError as error:
            if error.errno not in NAMELESS_REFUSED:
                raise
            self._temporary = _temporary()
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
            self.number = os.open(self._temporary, flags, mode, dir_fd=folder)

    def commit(self, name: str) -> None:
        """Give it its name, in place of any file that has it.  Raises IsADirectoryError for a folder."""
        if self._temporary is None:
            source = f"/proc/self/fd/{self.number}"
            try:
                os.link(source, name, dst_dir_fd=self._folder, follow_symlinks=True)
                return
            except FileExistsError:
                self._temporary = _temporary()
                os.link(source, self._temporary, dst_dir_fd=self._folder, follow_symlinks=True)
        os.rename(self._temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._temporary = None

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)
        if self._temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary, dir_fd=self._folder)


def _temporary() -> str:
    return f".{os.getpid()}-{os.urandom(6).hex()}.tmp"
