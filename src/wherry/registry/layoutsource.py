"""An OCI image layout in a folder, read as a repository is."""

from __future__ import annotations

import os

from wherry.errors import CorruptError, NotFoundError
from wherry.images.layout import REF_NAME
from wherry.oci.config import load_object
from wherry.oci.digest import digest_of, is_digest
from wherry.oci.manifest import INDEX, MANIFEST, Descriptor, parse_index
from wherry.registry.repository import Fetched
from wherry.registry.transport import DOCUMENT
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO


class LayoutSource:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.name = folder

    def manifest(self, reference: str = "") -> Fetched:
        """That of a tag, a digest, or of the only entry; verified.  Raises NotFoundError, CorruptError."""
        entry = Descriptor("", reference, 0) if is_digest(reference) else self.find(reference)
        if entry is None:
            what = f"named {reference}" if reference else "alone"
            raise NotFoundError(f"{self._folder} has no image {what}", hint="see its index.json")
        data = self._read(path_of(entry.digest))
        if digest_of(data) != entry.digest:
            raise CorruptError(
                f"{self._folder}: manifest {entry.digest} has other bytes than its name says"
            )
        value = load_object(data, f"{self._folder}: manifest {entry.digest}")
        kind = value.get("mediaType") or entry.media_type or (INDEX if "manifests" in value else MANIFEST)
        return Fetched(str(kind), entry.digest, data)

    def find(self, tag: str) -> Descriptor | None:
        """The entry of a tag; without one the only entry."""
        found = parse_index(self._read("index.json"), f"{self._folder}/index.json")
        if tag:
            ends = (tag, f":{tag}")
            found = tuple(d for d in found if d.annotations.get(REF_NAME, "").endswith(ends))
        return found[0] if len(found) == 1 else None

    def _read(self, path: str) -> bytes:
        try:
            with open(os.path.join(self._folder, path), "rb") as file:
                data = file.read(DOCUMENT + 1)
        except FileNotFoundError:
            raise NotFoundError(f"{self._folder} has no {path}", hint="it is incomplete") from None
        if len(data) > DOCUMENT:
            raise CorruptError(f"{self._folder}/{path} has more than {DOCUMENT} bytes")
        return data

    def blob(self, digest: str, start: int = 0) -> tuple[OpenFile, int]:
        """Its bytes from `start` on."""
        try:
            file = open(os.path.join(self._folder, path_of(digest)), "rb")  # noqa: SIM115
        except FileNotFoundError:
            raise NotFoundError(f"{self._folder} has no blob {digest}", hint="it is incomplete") from None
        file.seek(start)
        return OpenFile(file), start

    def failure(self, error: Exception) -> Exception:
        return error


class OpenFile:
    """A file as an answer."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def piece(self, size: int) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()

    def drop(self) -> None:
        self._file.close()


def path_of(digest: str) -> str:
    """Where a layout has a blob."""
    return "blobs/sha256/" + digest.removeprefix("sha256:")
