"""An OCI image layout in a folder, read and written as a repository is."""

from __future__ import annotations

import hashlib
import os

from wherry.copying.image import attached_tags
from wherry.errors import CorruptError, NotFoundError
from wherry.oci.config import load_object
from wherry.oci.digest import digest_of, is_digest
from wherry.oci.layout import REF_NAME, blob_path
from wherry.oci.manifest import INDEX, MANIFEST, Descriptor, parse_index
from wherry.registry.answer import DOCUMENT
from wherry.registry.repository import Fetched
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, Any

    from wherry.copying.image import From


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
        data = self.document(entry.digest)
        value = load_object(data, f"{self._folder}: manifest {entry.digest}")
        kind = value.get("mediaType") or entry.media_type or (INDEX if "manifests" in value else MANIFEST)
        return Fetched(str(kind), entry.digest, data)

    def document(self, digest: str) -> bytes:
        """A blob of a few bytes, verified.  Raises NotFoundError, CorruptError."""
        data = self._read(blob_path(digest))
        if digest_of(data) != digest:
            raise CorruptError(f"{self._folder}: {digest} has other bytes than its name says")
        return data

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

    def holds(self, digest: str) -> bool:
        return os.path.isfile(os.path.join(self._folder, blob_path(digest)))

    def blob(self, digest: str, start: int = 0, end: int | None = None) -> tuple[OpenFile, int]:
        """Its bytes from `start` on."""
        try:
            file = open(os.path.join(self._folder, blob_path(digest)), "rb")  # noqa: SIM115
        except FileNotFoundError:
            raise NotFoundError(f"{self._folder} has no blob {digest}", hint="it is incomplete") from None
        file.seek(start)
        return OpenFile(file), start

    def failure(self, error: Exception) -> Exception:
        return error


class OpenFile:
    """A file as an answer."""

    is_part = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def piece(self, size: int) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()

    def drop(self) -> None:
        self._file.close()


class Layout(LayoutSource):
    """One that is written to, too."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._named: list[Descriptor] = []

    def attached(self, digest: str) -> list[str]:
        return [tag for tag in attached_tags(digest) if self.find(tag) is not None]

    def has(self, digest: str, source: From) -> bool:
        return self.holds(digest)

    def path(self, digest: str) -> str:
        """The file of a blob, whether it exists or not."""
        return os.path.join(self._folder, blob_path(digest))

    def send(self, blob: Descriptor, bytes_from: Callable[[int], Iterator[bytes]]) -> None:
        from wherry.layers.newfile import new_file

        hashed, size = hashlib.sha256(), 0
        with new_file(self.path(blob.digest)) as file:
            for piece in bytes_from(0):
                hashed.update(piece)
                size += len(piece)
                file.write(piece)
            if "sha256:" + hashed.hexdigest() != blob.digest:
                raise CorruptError(
                    f"blob {blob.digest} came with {size} bytes of sha256:{hashed.hexdigest()}",
                    hint="the line was cut, or other bytes were given; nothing of it is kept",
                )

    def digests(self) -> list[str]:
        """All its blobs, in order."""
        return ["sha256:" + name for name in sorted(os.listdir(os.path.dirname(self.path("sha256:"))))]

    def index(self) -> list[dict[str, Any]]:
        """What its index.json lists."""
        return [each.to_json() for each in self._named]

    def put(self, reference: str, media_type: str, data: bytes) -> None:
        from wherry.images.layout import Folder

        digest = digest_of(data)
        sink = Folder(self._folder)
        sink.add(blob_path(digest), len(data), lambda out: out(data))
        if not is_digest(reference):
            self._named.append(Descriptor(media_type, digest, len(data), {REF_NAME: reference}))
            sink.close(self.index(), ())
