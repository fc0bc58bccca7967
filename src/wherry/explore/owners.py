"""PURE: which package of dpkg or apk brought each file of an image, as far as their lists are at hand."""

from __future__ import annotations

import contextlib

from wherry.errors import WherryError
from wherry.packages import dpkg
from wherry.packages.lists import listed
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.explore.model import File
    from wherry.explore.stack import Placed

LARGEST = 1 << 26
"""Bytes of a list."""


def owners(files: Sequence[Placed]) -> dict[str, str]:
    """``name version`` by the paths of an image's files.

    Lists name files as their packages do (``lib/x``), where a merged /usr has ``usr/lib/x``.  What cannot
    be read, as in a compressed layer that passed by, tells nothing.
    """
    known = {placed.file.path: placed.file for placed in files}
    records = [path.removeprefix(dpkg.FOLDER) for path in known if path.startswith(dpkg.FOLDER)]
    found: dict[str, str] = {}
    for name, package in listed(lambda path: _data(known.get(path)), records):
        path = name if name in known else f"usr/{name}"
        if path in known:
            found.setdefault(path, f"{package.name} {package.version}")
    return found


def _data(file: File | None) -> bytes:
    with contextlib.suppress(OSError, WherryError):
        return file.content.read(LARGEST) if file is not None and file.content is not None else b""
    return b""
