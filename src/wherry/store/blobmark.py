"""Which blobs are known to have the bytes of their digest, so that they are not read to be sure of it.

The mark is an attribute of the file: the boot and the store that wrote or verified it (`store.boot`), and
the file's size and time then.  It does not fit after a power cut, in a copy of the store, or when somebody
has written to the file; who finds the bytes wrong takes it away.  Where a file system keeps no attributes
there is none.
"""

from __future__ import annotations

import contextlib
import os

from wherry.store.boot import DOUBT, present_mark

NAME = "user.wherry.whole"


def mark(file: str | int, root: str) -> None:
    """The blob, a path or an open file, has the bytes of its digest.  Nothing is raised."""
    text = _mark(file, root)
    if text:
        with contextlib.suppress(OSError):
            os.setxattr(file, NAME, text)


def is_marked(path: str, root: str) -> bool:
    try:
        return os.getxattr(path, NAME, follow_symlinks=False) == _mark(path, root)
    except OSError:
        return False


def unmark(file: int) -> None:
    """Its bytes are others.  Nothing is raised."""
    with contextlib.suppress(OSError):
        os.removexattr(file, NAME)


def _mark(file: str | int, root: str) -> bytes:
    """ "" where nobody can say which boot this is."""
    boot = present_mark(root)
    status = os.stat(file)
    return b"" if boot == DOUBT else f"{boot} {status.st_size:x} {status.st_mtime_ns:x}".encode()
