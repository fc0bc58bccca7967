"""Images and their names; ``index.json`` shows them to other tools."""

from __future__ import annotations

import contextlib
import os

from wherry import jsontext as json
from wherry.errors import NotFoundError
from wherry.store.temporary import write_file
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from wherry.store.blobs import Blobs
    from wherry.store.database import Database

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


AT = "@"
"""In a name by digest (``docker.io/library/debian@sha256:…``), and in no other."""


class ImageRecord(NamedTuple):
    """`id` is the digest of the config, `manifest` that of the manifest, `added` in Unix seconds."""

    id: str
    manifest: str
    added: float


class Images:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: ImageRecord) -> None:
        """Is idempotent: an image that is there keeps the time at which it was added first."""
        known = self.get(record.id)
        if known is not None and known.manifest == record.manifest:
            return
        self._database.execute(
            "INSERT INTO images VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET manifest=excluded.manifest",
            *record,
        )

    def get(self, image: str) -> ImageRecord | None:
        rows = self._database.execute("SELECT * FROM images WHERE id=?", image)
        return ImageRecord(*rows[0]) if rows else None  # type: ignore[arg-type]

    def find(self, prefix: str) -> list[ImageRecord]:
        """All images whose id begins with `prefix` (hexadecimal, with or without ``sha256:``)."""
        low = "sha256:" + prefix.removeprefix("sha256:")
        rows = self._database.execute("SELECT * FROM images WHERE id>=? AND id<?", low, low + "g")
        return [ImageRecord(*row) for row in rows]  # type: ignore[arg-type]

    def of_manifest(self, digest: str) -> ImageRecord | None:
        """The image whose manifest has a digest."""
        rows = self._database.execute("SELECT * FROM images WHERE manifest=? ORDER BY added DESC", digest)
        return ImageRecord(*rows[0]) if rows else None  # type: ignore[arg-type]

    def all(self) -> list[ImageRecord]:
        """Newest first."""
        rows = self._database.execute("SELECT * FROM images ORDER BY added DESC, id")
        return [ImageRecord(*row) for row in rows]  # type: ignore[arg-type]

    def remove(self, image: str) -> None:
        """And what registries have it as."""
        with self._database.transaction():
            self._database.execute("DELETE FROM images WHERE id=?", image)
            self._database.execute("DELETE FROM names WHERE image=? AND instr(name, ?)", image, AT)


class Names:
    """Canonical names (``docker.io/library/debian:bookworm``) and the images they stand for.

    A name stands for an image by its id, or for an image index by the digest of that.
    """

    def __init__(self, root: str, temporary: str, database: Database, blobs: Blobs) -> None:
        self._root = root
        self._temporary = temporary
        self._database = database
        self._blobs = blobs
        self._waiting: bool | None = None  # inside together(): whether index.json has to be written

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """A transaction at whose end ``index.json`` is written once, however many names change in it."""
        with self._database.transaction():
            if self._waiting is not None:
                yield
                return
            self._waiting = False
            try:
                yield
                changed = self._waiting
            finally:
                self._waiting = None
            if changed:
                self._write_index()

    def set(self, name: str, image: str) -> None:
        """Let `name` stand for `image`, whatever it stood for before.  Is atomic.

        Raises NotFoundError where the image was removed meanwhile.
        """
        if self.get(name) == image and os.path.exists(os.path.join(self._root, "index.json")):
            return
        with self._database.transaction():
            if not self._exists(image):
                raise NotFoundError(f"No such image: {image}", hint="another command has just removed it")
            self._database.execute("INSERT OR REPLACE INTO names VALUES (?,?)", name, image)
            self._write_index()

    def _exists(self, image: str) -> bool:
        """Whether it is an image that is recorded, or an image index."""
        if self._database.execute("SELECT 1 FROM images WHERE id=?", image):
            return True
        return self._blobs.has(image) and "manifests" in json.loads(self._blobs.read(image))

    def get(self, name: str) -> str | None:
        rows = self._database.execute("SELECT image FROM names WHERE name=?", name)
        return str(rows[0][0]) if rows else None

    def of(self, image: str) -> list[str]:
        """The names with tags of an image or an index."""
        rows = self._database.execute("SELECT name FROM names WHERE image=? ORDER BY name", image)
        return [str(row[0]) for row in rows if AT not in str(row[0])]

    def digests_of(self, image: str) -> list[str]:
        """The names by digest of an image: what registries have it as."""
        rows = self._database.execute("SELECT name FROM names WHERE image=? ORDER BY name", image)
        return [str(row[0]) for row in rows if AT in str(row[0])]

    def all(self) -> dict[str, str]:
        """Every name with a tag, and what it stands for."""
        return {name: image for name, image in self._rows() if AT not in name}

    def digests(self) -> dict[str, str]:
        """Every name by digest, and the image that it stands for."""
        return {name: image for name, image in self._rows() if AT in name}

    def _rows(self) -> list[tuple[str, str]]:
        rows = self._database.execute("SELECT name, image FROM names ORDER BY name")
        return [(str(name), str(image)) for name, image in rows]

    def remove(self, name: str) -> None:
        with self._database.transaction():
            self._database.execute("DELETE FROM names WHERE name=?", name)
            self._write_index()

    def show(self) -> None:
        """Write ``index.json`` again, after an image's manifest became another one."""
        self._write_index()

    def index(self) -> dict[str, Any]:
        """What ``index.json`` says: every name whose manifest is there."""
        rows = self._database.execute(
            "SELECT name, COALESCE(manifest, image), manifest IS NULL FROM names "
            "LEFT JOIN images ON images.id=names.image ORDER BY name"
        )
        manifests = [
            {
                "mediaType": INDEX if is_index else MANIFEST,
                "digest": manifest,
                "size": self._blobs.size(str(manifest)),
                "annotations": {"org.opencontainers.image.ref.name": name},
            }
            for name, manifest, is_index in rows
            if AT not in str(name) and self._blobs.has(str(manifest))
        ]
        return {"schemaVersion": 2, "manifests": manifests}

    def _write_index(self) -> None:
        """``index.json`` from the records, in one rename.

        Written inside a transaction, so that of two processes the last writer saw both changes.
        """
        with self._database.transaction():
            if self._waiting is not None:
                self._waiting = True
                return
            text = json.dumps(self.index())
            write_file(self._temporary, os.path.join(self._root, "index.json"), text.encode())
