"""A file system of its own for each builder: ext4 with a journal, fresh, in a sparse file.

The machine's own disk may hold anything, be nearly full, or have no journal, and then it punishes whoever
creates files after others were removed.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from bench.programs import CommandFailed, output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 24 << 30


@contextlib.contextmanager
def fresh_disk(folder: Path, name: str) -> Iterator[Path]:
    """Mount a new file system at `folder`/`name`; unmount it and remove its file at the end."""
    image, place = folder / f"{name}.ext4", folder / name
    with image.open("wb") as file:
        os.truncate(file.fileno(), SIZE)
    place.mkdir()
    # No table is left to be initialised behind our back while the clock runs.
    tables = "lazy_itable_init=0,lazy_journal_init=0"
    output("mkfs.ext4", "-q", "-F", "-O", "has_journal", "-i", "8192", "-E", tables, str(image))
    output("mount", "-o", "loop", str(image), str(place))
    try:
        yield place
    finally:
        # A mount that a killed daemon left inside keeps it busy; lazily, it goes when that one goes.
        with contextlib.suppress(CommandFailed):
            output("umount", "-l", str(place))
        image.unlink(missing_ok=True)
