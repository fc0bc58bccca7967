"""Files that matter, written so that a reader sees the old or the new one, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import os

from wherry.errors import ProxyError
from wherry.proxy import regular
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def write(path: str, data: bytes) -> None:
    """Replace `path` atomically: a temporary name in the same directory, then renamed.

    A kill at any instant leaves the old file, and at most a file ``.<name>.<pid>.tmp`` that the next write
    by that process id replaces.  Not synced: that would cost more than the reload, an emptyDir does not
    outlive the machine, and what is read back is validated before it is used.  Raises ProxyError.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    with explained(f"cannot write {path}"):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
            os.rename(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


LARGEST = 256 << 20
"""Bytes of a file that is read: a hundred times what ten thousand routes take."""


def read(path: str) -> str | None:
    """The file's text, None when there is none.  Never waits.  Raises ProxyError."""
    with explained(f"cannot read {path}"):
        try:
            return regular.read(path, LARGEST).decode("utf-8", "replace")
        except FileNotFoundError:
            return None


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an OSError into a ProxyError that says what to do."""
    try:
        yield
    except OSError as error:
        raise ProxyError(f"{what}: {error.strerror or error}", hint=HINTS.get(error.errno or 0)) from error


HINTS = {
    errno.ENOSPC: "the disk is full; what was served before is still served",
    errno.EDQUOT: "the quota is used up; what was served before is still served",
    errno.EROFS: "the file system is read-only: give a directory that can be written (an emptyDir)",
    errno.EACCES: "check the owner and the mode of that directory",
    errno.EPERM: "check the owner and the mode of that directory",
    errno.ENOENT: "make the directory first, or mount the volume",
}
