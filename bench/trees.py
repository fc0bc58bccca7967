"""Build contexts.  The folder of a context holds what COPY may take; its Dockerfile lies beside it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Builders that remember files by their times distrust those of the last two seconds, as git does.
SETTLE = 3.0
A_FOLDER = 200


def settle() -> None:
    """Wait until no file is so young that a builder would rather read it again than trust its times."""
    time.sleep(SETTLE)


def write_files(folder: Path, count: int, size: int, mark: str) -> None:
    """Write `count` files of `size` bytes, 200 in a folder, each with a content of its own.

    Another `mark` gives every one of them another content, in the same file.
    """
    for number in range(count):
        path = name_of(folder, number)
        if number % A_FOLDER == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, size, f"{mark}:{number}")


def name_of(folder: Path, number: int) -> Path:
    return folder / f"{number // A_FOLDER:03}" / f"{number % A_FOLDER:03}.txt"


def write_file(path: Path, size: int, mark: str) -> None:
    line = f"{mark}\n".encode()
    path.write_bytes((line * (size // len(line) + 1))[:size])
