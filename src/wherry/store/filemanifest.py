"""The files behind a content digest of a cache key: what `wherry explain` compares by name.

listings/<digest>   a file manifest: zlib of: name NUL size NUL mark NUL, for each file

A mark is what the file was for the key (type, mode, digest), its digest cut to 64 bits: enough to tell a
change, and 20,000 files take 370 kB.
"""

from __future__ import annotations

import os
import stat

from wherry.layers.remove import remove_tree
from wherry.store.regular import read_regular
from wherry.store.temporary import write_pieces
from wherry.texts import encoded
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.layers.entry import AnyStatus

MOST = 400
SPARE = 100
"""So many more than MOST may be there: their times are looked at once in so many that are added."""
SHA256 = 64
KEPT = 16


# A name (a folder's ends with a slash), bytes, and a mark that differs where the file differs.
ManifestEntry = tuple[str, int, str]


def manifest_entry(name: str, status: AnyStatus, mark: str) -> ManifestEntry:
    """A file as its manifest shows it; the top of a context is ``./``."""
    if stat.S_ISDIR(status.st_mode):
        return f"{name or '.'}/", 0, mark
    return name, status.st_size, mark


class FileManifests:
    def __init__(self, root: str, temporary: str) -> None:
        self._temporary = temporary
        self.folder = os.path.join(root, "listings")

    def path(self, content: str) -> str:
        return os.path.join(self.folder, content)

    def add(self, content: str, files: Iterable[ManifestEntry]) -> None:
        """Keep a manifest; is atomic and idempotent.  Nothing is raised: it only costs an explanation."""
        path = self.path(content)
        if os.path.exists(path):
            return
        import zlib

        texts = (f"{name}\0{size}\0{_short(mark)}\0" for name, size, mark in files)
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            packing = zlib.compressobj(1)
            packed = [packing.compress(piece) for piece in encoded(texts)]
            write_pieces(self._temporary, path, (*packed, packing.flush()))
            self._bound()
        except OSError:
            pass

    def get(self, content: str) -> dict[str, ManifestEntry] | None:
        """The files by name, or None where no manifest was kept."""
        import zlib

        try:
            packed = read_regular(self.path(content))
            fields = zlib.decompress(packed).decode("utf-8", "surrogateescape").split("\0")
            rows = zip(fields[::3], fields[1::3], fields[2::3], strict=False)
            return {name: (name, int(size), mark) for name, size, mark in rows}
        except (OSError, ValueError, zlib.error):
            return None

    def all(self) -> list[str]:
        """The content digests of all that are kept."""
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:
            return []

    def _bound(self) -> None:
        """Keep the newest MOST, and some: the oldest are of builds that are forgotten."""
        names = self.all()
        if len(names) > MOST + SPARE:
            paths = sorted((self.path(name) for name in names), key=os.path.getmtime)
            for path in paths[: len(paths) - MOST]:
                remove_tree(path)


def _short(mark: str) -> str:
    """``f644:`` and a digest, the digest cut; other marks (a link's target) as they are."""
    return mark[: KEPT - SHA256] if mark.startswith("f") and len(mark) > SHA256 else mark
