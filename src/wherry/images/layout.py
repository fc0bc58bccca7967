"""Images as an OCI image layout, in a tar or in a folder, that docker can load too where it is asked for.

Source: OCI image-spec, image-layout.md; the annotations and manifest.json are what containerd and docker
write and read.
"""

from __future__ import annotations

import json
import os
from functools import partial

from wherry.images.packing import CHUNK, manifest_of, pack_layers, write_layer_tar
from wherry.layers.entry import FILE, Entry
from wherry.layers.newfile import new_file
from wherry.layers.tarwrite import END, header, padding
from wherry.oci import manifest as oci
from wherry.oci.digest import digest_of
from wherry.oci.layout import CREATED, IMAGE_NAME, REF_NAME, VERSION, blob_path, docker_entry, name_notes
from wherry.oci.manifest import Descriptor
from wherry.oci.reference import from_canonical
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import IO, Any

    from wherry.images.packing import Packing, Part
    from wherry.images.view import Image
    from wherry.oci.attestation import Attached
    from wherry.store import Store

    Write = Callable[[Callable[[bytes], object]], object]


class Sink(Protocol):
    """Where a layout is written to; a file that is there already is not written again.

    `unnamed` are the annotations of an image without a name, as buildx gives them.
    """

    unnamed: Mapping[str, str]

    def add(self, name: str, size: int, write: Write) -> None: ...

    def close(self, index: Sequence[dict[str, Any]], docker: Sequence[dict[str, Any]]) -> None:
        """Write index.json, and manifest.json where there is something in it."""


class Tar:
    """One file of a tar after the other, as they come."""

    unnamed: Mapping[str, str] = {}

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._have: set[str] = set()
        _add(self, "oci-layout", VERSION)

    def add(self, name: str, size: int, write: Write) -> None:
        if name in self._have:
            return
        self._have.add(name)
        self._out.write(header(Entry(name.encode(), FILE, 0o644, size=size)))
        write(self._out.write)
        self._out.write(padding(size))

    def close(self, index: Sequence[dict[str, Any]], docker: Sequence[dict[str, Any]]) -> None:
        _add(self, "index.json", _index(index))
        if docker:
            _add(self, "manifest.json", json.dumps(docker).encode())
        self._out.write(END)


class Folder:
    """A folder; an image of the same name that a layout there already has is replaced, others stay."""

    unnamed: Mapping[str, str] = {REF_NAME: "latest"}

    def __init__(self, path: str) -> None:
        self._path = path

    def add(self, name: str, size: int, write: Write) -> None:
        path = os.path.join(self._path, name)
        if os.path.isfile(path) and os.path.getsize(path) == size:
            return
        with new_file(path) as file:
            write(file.write)

    def close(self, index: Sequence[dict[str, Any]], docker: Sequence[dict[str, Any]]) -> None:
        _add(self, "oci-layout", VERSION)
        names = {_name(entry) for entry in index}
        kept = [entry for entry in self._manifests() if _name(entry) not in names]
        self._write("index.json", _index([*kept, *index]))
        if docker:
            self._write("manifest.json", json.dumps(docker).encode())

    def _write(self, name: str, data: bytes) -> None:
        with new_file(os.path.join(self._path, name)) as file:
            file.write(data)

    def _manifests(self) -> list[dict[str, Any]]:
        """What index.json lists already.  Raises CorruptError where that is not a layout's."""
        try:
            with open(os.path.join(self._path, "index.json"), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return []
        oci.parse_index(data, os.path.join(self._path, "index.json"))
        found: list[dict[str, Any]] = json.loads(data)["manifests"]
        return found


class Notes(NamedTuple):
    """Annotations of a manifest, and of the descriptor that leads to it."""

    manifest: Mapping[str, str] = {}
    descriptor: Mapping[str, str] = {}


NO_NOTES = Notes()


class Layout:
    """Writes images to a sink; `packing` says how."""

    def __init__(self, store: Store, sink: Sink, packing: Packing) -> None:
        self._store = store
        self._sink = sink
        self._packing = packing
        self._index: list[dict[str, Any]] = []
        self._docker: list[dict[str, Any]] = []

    def add(
        self, image: Image, names: Sequence[str], notes: Notes = NO_NOTES, *, listed: bool = True
    ) -> Descriptor:
        """Write an image that is to have these names (canonical).  What its manifest is.

        One that is not `listed` is for an index.  Raises CorruptError if a layer no longer has the bytes of
        its diff ID.
        """
        parts = pack_layers(self._store, image, self._packing)
        for part in parts:
            self._sink.add(blob_path(part.blob.digest), part.blob.size, self._bytes(part))
        manifest = manifest_of(self._store, image, parts, self._packing, notes.manifest)
        data = manifest.to_json()
        descriptor = Descriptor(manifest.media_type, digest_of(data), len(data), dict(notes.descriptor))
        _add(self._sink, blob_path(image.id), self._store.blobs.read(image.id))
        _add(self._sink, blob_path(descriptor.digest), data)
        if listed:
            self._list(image.config.created, names, descriptor)
        called = [from_canonical(name) for name in names]
        self._docker.append(docker_entry(image.id, called, [part.blob for part in parts]))
        return descriptor

    def add_index(
        self, data: bytes, names: Sequence[str], notes: Mapping[str, str], created: str
    ) -> Descriptor:
        """Write an image index, whose images were added before."""
        descriptor = Descriptor(oci.INDEX, digest_of(data), len(data), dict(notes))
        _add(self._sink, blob_path(descriptor.digest), data)
        self._list(created, names, descriptor)
        return descriptor

    def attach(self, attached: Attached) -> None:
        """Write what is attested of an image, for an index that leads to it."""
        for data in (*attached.blobs.values(), attached.manifest):
            _add(self._sink, blob_path(digest_of(data)), data)

    def close(self, *, docker: bool) -> None:
        """Finish; with `docker` as an archive that docker loads, too."""
        self._sink.close(self._index, self._docker if docker else ())

    def _list(self, created: str, names: Sequence[str], descriptor: Descriptor) -> None:
        own = {**descriptor.annotations, **({CREATED: created} if created else {})}
        called = [name_notes(from_canonical(name)) for name in names]
        for notes in called or [dict(self._sink.unnamed)]:
            self._index.append(descriptor._replace(annotations={**notes, **own}).to_json())

    def _bytes(self, part: Part) -> Write:
        """What writes a layer: its blob, or the tar of its tree, with no copy made of it."""

        if part.packed:
            return from_file(self._store.blobs.path(part.blob.digest))  # verified when it was chosen
        return partial(write_layer_tar, self._store, part.diff_id)


def from_file(path: str) -> Write:
    """What writes a file's bytes."""

    def write(out: Callable[[bytes], object]) -> None:
        with open(path, "rb") as file:
            while data := file.read(CHUNK):
                out(data)

    return write


def _add(sink: Sink, name: str, data: bytes) -> None:
    sink.add(name, len(data), lambda out: out(data))


def _index(manifests: Sequence[dict[str, Any]]) -> bytes:
    value = {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": list(manifests)}
    return json.dumps(value).encode()


def _name(entry: dict[str, Any]) -> str:
    notes = entry.get("annotations") or {}
    return str(notes.get(IMAGE_NAME) or notes.get(REF_NAME) or "")
