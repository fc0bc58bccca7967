"""An OCI image layout in a folder, read as a repository is."""

from __future__ import annotations

import os

from wherry.errors import CorruptError, NotFoundError
from wherry.oci.digest import digest_of
from wherry.oci.manifest import parse_index
from wherry.registry.transport import DOCUMENT
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO


class LayoutSource:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.name = folder

    def manifest(self) -> bytes:
        """That of the layout's first entry, verified.  Raises NotFoundError, CorruptError."""
        entries = parse_index(self._read("index.json"), f"{self._folder}/index.json")
        if not entries:
            raise NotFoundError(f"{self._folder} is an empty layout")
        digest = entries[-1].digest
        data = self._read(_path(digest))
        if digest_of(data) != digest:
            raise CorruptError(f"{self._folder}: manifest {digest} has other bytes than its name says")
        return data

    def _read(self, path: str) -> bytes:
        with open(os.path.join(self._folder, path), "rb") as file:
            data = file.read(DOCUMENT + 1)
        if len(data) > DOCUMENT:
            raise CorruptError(f"{self._folder}/{path} has more than {DOCUMENT} bytes")
        return data

    def blob(self, digest: str, start: int = 0) -> tuple[OpenFile, int]:
        """Its bytes from `start` on."""
        try:
            file = open(os.path.join(self._folder, _path(digest)), "rb")  # noqa: SIM115
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


def _path(digest: str) -> str:
    return "blobs/sha256/" + digest.removeprefix("sha256:")
