"""A fresh ext4 with a journal for every builder's state, so that the age of the host's disk is not measured."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

SIZE = 40 << 30


@contextlib.contextmanager
def fresh_disk() -> Iterator[Path]:
    """Mounted in a temporary folder, unmounted and removed at the end.  Needs root."""
    with tempfile.TemporaryDirectory(prefix="wb") as folder:
        image, place = Path(folder) / "disk", Path(folder) / "m"
        with image.open("wb") as file:
            os.truncate(file.fileno(), SIZE)
        place.mkdir()
        subprocess.run(["mkfs.ext4", "-q", "-O", "has_journal", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)
