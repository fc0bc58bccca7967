"""Opening what should be a file of the store, whatever lies in its place."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO


def open_regular(path: str) -> FileIO:
    """For reading.  Never waits, as opening a FIFO would.  Raises OSError for all that is no file."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "is not a file", path)
    return FileIO(file)


def read_regular(path: str) -> bytes:
    """All its bytes.  Raises OSError as open_regular() does."""
    with open_regular(path) as file:
        return file.read()
