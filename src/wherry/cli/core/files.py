"""Files that the command line names: read from, or written whole; "-" or none is a standard stream."""

from __future__ import annotations

import contextlib
import sys

from wherry.errors import NotFoundError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO


@contextlib.contextmanager
def written(path: str | None, verb: str) -> Iterator[IO[bytes]]:
    """A file that is there when it is whole; None is the standard output, which may be no terminal."""
    if path is None:
        if sys.stdout.isatty():
            raise UsageError(f"cowardly refusing to {verb} to a terminal", hint="use -o FILE, or redirect")
        yield sys.stdout.buffer
        return
    from wherry.layers.newfile import new_file

    with new_file(path) as file:
        yield file


@contextlib.contextmanager
def read(path: str | None) -> Iterator[IO[bytes]]:
    """None is the standard input.  Raises NotFoundError in Docker's words."""
    if path is None:
        with open(0, "rb", closefd=False) as file:
            yield file
        return
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise NotFoundError(f"open {path}: no such file or directory") from None
    with file:
        yield file
