"""Images from a tar: docker-archives of any age and OCI layouts, compressed or not.

The archive is hostile: it is unpacked inside a folder of the store that goes away, every layer must give
the diff ID that its config promises, and nothing is recorded before everything fits.
"""

from __future__ import annotations

import json
import os

from wherry.errors import CorruptError
from wherry.images.archive import CHUNK, Archive, check_number, other_layer, paired, plain_layer
from wherry.images.arriving import Arrived, Arriving
from wherry.images.attestations import LARGEST as LARGEST_STATEMENT
from wherry.images.index import index_json
from wherry.images.write import create_image
from wherry.layers.compress import decompressed, kind_of
from wherry.layers.seekable import plain
from wherry.layers.tarread import TarReader
from wherry.layers.tree import ROOT_MODE
from wherry.layers.unpack import Unpacker, unpack
from wherry.layers.view import View
from wherry.oci import config as oci_config
from wherry.oci import manifest as oci_manifest
from wherry.oci.attestation import MOST, subject_of
from wherry.oci.layout import IMAGE_NAME, REF_NAME, blob_path
from wherry.oci.manifest import Descriptor
from wherry.oci.platform import runs_natively
from wherry.oci.reference import Reference, parse
from wherry.sandbox.machine import machine
from wherry.sha256 import hex_of_file
from wherry.store import LayerBlob, LayerInfo
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from wherry.images.view import Image
    from wherry.layers.tarread import Reader
    from wherry.store import Store

MEDIA_TYPES = {
    "none": oci_manifest.LAYER,
    "gzip": oci_manifest.LAYER_GZIP,
    "zstd": oci_manifest.LAYER_ZSTD,
}
MANIFESTS = (oci_manifest.MANIFEST, oci_manifest.DOCKER_MANIFEST)
DEEPEST = 4
INDEXES = (oci_manifest.INDEX, oci_manifest.DOCKER_INDEX)


class Loaded(NamedTuple):
    """`names` are those that the archive gave it."""

    id: str
    names: tuple[Reference, ...]


def load_images(store: Store, stream: Reader) -> list[Loaded]:
    """Load every image of an archive.  Raises CorruptError, HostileArchiveError."""
    with store.temp() as temporary:
        folder, beside = os.path.join(temporary, "archive"), os.path.join(temporary, "beside")
        os.mkdir(folder)
        os.mkdir(beside)
        arriving = Arriving(store, beside)
        _receive(stream, folder, arriving)
        loading = _Loading(store, folder, temporary, arriving)
        if loading.has("manifest.json"):
            return loading.docker()
        if loading.has("index.json"):
            return loading.layout()
    raise CorruptError(
        "the archive holds no image: neither manifest.json nor index.json",
        hint="the tar of a file system becomes an image by wherry import",
    )


def _receive(stream: Reader, folder: str, arriving: Arriving) -> None:
    """Unpack an archive: into `folder` what does not arrive beside it."""
    reader = TarReader(plain(stream), "the archive")
    tree = Unpacker(folder, "the archive", markers=False, follow=View([folder]).followed)
    for member in reader:
        if not arriving.take(member, reader.data()):
            tree.add(member, reader.data())
    tree.finish()
    reader.drain()


def load_layout(store: Store, path: str, digest: str, tag: str, temporary: str) -> Image:
    """One image of an OCI layout in a folder, by its digest or its tag.  Raises CorruptError."""
    from wherry.images.index import choose
    from wherry.images.view import Image

    if not os.path.isfile(os.path.join(path, "index.json")):
        raise CorruptError(f"{path} is no OCI layout: it has no index.json")
    loading = _Loading(store, path, temporary)
    descriptor = loading.choose(digest, tag)
    if descriptor.media_type in INDEXES:
        found = choose(store, loading.index(descriptor).id, None)
        assert found is not None  # noqa: S101
        return found
    record = store.images.get(loading.manifest(descriptor).id)
    assert record is not None  # noqa: S101
    return Image(store, record)


class _Loading:
    """`arrived` is what an archive had beside `folder`; without it the folder is somebody else's."""

    def __init__(
        self,
        store: Store,
        folder: str,
        temporary: str,
        arrived: Arriving | None = None,
    ) -> None:
        self._store = store
        self._archive = Archive(folder, arrived.paths if arrived is not None else {})
        self._temporary = temporary
        self._arrived = arrived.layers if arrived is not None else {}
        self._own = arrived is not None

    def has(self, path: str) -> bool:
        return self._archive.has(path)

    def docker(self) -> list[Loaded]:
        return [self._image(*entry) for entry in self._archive.docker()]

    def layout(self) -> list[Loaded]:
        """index.json of an OCI layout, and the image indexes that it names."""
        loaded = []
        found = oci_manifest.parse_index(self._archive.read("index.json"), "index.json")
        check_number("index.json", len(found))
        for descriptor in found:
            notes = descriptor.annotations
            name = notes.get(IMAGE_NAME) or notes.get(REF_NAME)
            names = (parse(name),) if name else ()
            if descriptor.media_type in MANIFESTS:
                loaded.append(self.manifest(descriptor, names))
            elif descriptor.media_type in INDEXES:
                loaded.append(self.index(descriptor, names))
        if not loaded:
            raise CorruptError("index.json names no image manifest")
        return loaded

    def manifest(self, descriptor: Descriptor, names: tuple[Reference, ...] = ()) -> Loaded:
        data = self._archive.blob(descriptor.digest)
        manifest = oci_manifest.parse(data, "manifest")
        layers = [blob_path(layer.digest) for layer in manifest.layers]
        loaded = self._image(self._archive.blob(manifest.config.digest), layers, names)
        # The same manifest, so that an index that names it leads to the image.
        record = self._store.images.get(loaded.id)
        if record is not None and record.manifest != descriptor.digest:
            self._store.images.add(record._replace(manifest=self._store.blobs.put(data)))
            self._store.names.show()
        return loaded

    def index(self, descriptor: Descriptor, names: tuple[Reference, ...] = ()) -> Loaded:
        """All its images that the archive has, those of indexes inside it, too."""
        data = self._flat(descriptor)
        entries = json.loads(data)["manifests"]
        attested = {entry["digest"] for entry in entries if subject_of(entry) is not None}
        listed = [d for d in oci_manifest.parse_index(data) if self._has(d, MANIFESTS)]
        there = [d for d in listed if d.digest not in attested]
        if not there:
            raise CorruptError(f"the archive has none of the images of index {descriptor.digest[:19]}")
        for each in there:
            self.manifest(each)
        for each in listed:
            if each.digest in attested:
                self._attestation(each)
        digest = self._store.blobs.put(data)
        for name in names:
            self._store.names.set(name.canonical(), digest)
        return Loaded(digest, names)

    def _attestation(self, descriptor: Descriptor) -> None:
        """What is attested of an image, kept as it is; of one that is not whole, nothing."""
        data = self._archive.blob(descriptor.digest)
        manifest = oci_manifest.parse(data, "attestation manifest")
        parts = [manifest.config, *manifest.layers]
        if len(parts) > MOST or not all(self._archive.has(blob_path(part.digest)) for part in parts):
            return
        for part in parts:
            self._store.blobs.put(self._archive.blob(part.digest, LARGEST_STATEMENT))
        self._store.blobs.put(data)

    def _flat(self, descriptor: Descriptor, depth: int = 0) -> bytes:
        """An index without indexes inside it: itself, its only one, or one with the images of all."""
        if depth > DEEPEST:
            raise CorruptError(f"indexes inside indexes, more than {DEEPEST} deep")
        data = self._archive.blob(descriptor.digest)
        found = oci_manifest.parse_index(data, "index")
        check_number("an index", len(found))
        inner = [self._flat(d, depth + 1) for d in found if self._has(d, INDEXES)]
        if not inner:
            return data
        if len(inner) == 1 and not any(self._has(d, MANIFESTS) for d in found):
            return inner[0]
        entries = [e for each in (data, *inner) for e in json.loads(each)["manifests"]]
        check_number("an index", len(entries))
        return index_json(e for e in entries if e.get("mediaType") not in INDEXES)

    def _has(self, descriptor: Descriptor, kinds: tuple[str, ...]) -> bool:
        return descriptor.media_type in kinds and self._archive.has(blob_path(descriptor.digest))

    def choose(self, digest: str, tag: str) -> Descriptor:
        """The image of a layout that a digest or a tag names; without either, its only one."""
        found = list(oci_manifest.parse_index(self._archive.read("index.json"), "index.json"))
        if digest:
            found = [d for d in found if d.digest == digest] or [Descriptor("", digest, 0)]
        elif tag:
            ends = (tag, f":{tag}")
            found = [d for d in found if d.annotations.get(REF_NAME, "").endswith(ends)]
        if len(found) != 1:
            raise CorruptError(
                f"the layout has {len(found)} images{f' named {tag}' if tag else ''}",
                hint="name one: oci-layout://PATH:TAG or oci-layout://PATH@sha256:...",
            )
        return found[0]

    def _image(self, data: bytes, layers: Sequence[str], names: tuple[Reference, ...]) -> Loaded:
        config = oci_config.parse(data)
        for path, diff_id in paired(layers, config.diff_ids):
            if not self._store.layers.has(diff_id):
                self._layer(path, diff_id)
            elif not all(self._is_sound(blob) for blob in self._store.layers.blobs(diff_id)):
                self._heal(path, diff_id)
        record = create_image(self._store, config, data)
        for name in names:
            self._store.name(name.canonical(), record)
        if names and not runs_natively(machine(), config.platform):
            self._store.warn(f"{names[0].familiar()} is for {config.platform}; this machine is {machine()}")
        return Loaded(record.id, names)

    def _layer(self, path: str, diff_id: str) -> None:
        """Have one layer's tree, and keep its bytes as a blob: packed again they would be other bytes."""
        source = self._archive.file(path)
        arrived = self._arrived.pop(source) if source in self._arrived else self._unpacked(source, diff_id)
        tree, packed, digest = arrived
        if packed.diff_id != diff_id:
            raise other_layer(path, packed.diff_id, diff_id)
        self._keep(source, diff_id, digest)
        self._store.layers.add(tree, LayerInfo(diff_id, packed.size, packed.tar_size))

    def _unpacked(self, source: str, diff_id: str) -> Arrived:
        """A layer that did not arrive as one: it is small, in somebody else's folder, or damaged."""
        tree = os.path.join(self._temporary, "layer")
        os.mkdir(tree)
        os.chmod(tree, ROOT_MODE)
        with open(source, "rb") as file:
            packed = unpack(decompressed(file), tree, name=f"layer {diff_id[7:19]}")
        return Arrived(tree, packed, "")

    def _heal(self, path: str, diff_id: str) -> None:
        """A layer of which a blob is damaged or lost: forget that, and keep the archive's."""
        for blob in self._store.layers.blobs(diff_id):
            if not self._is_sound(blob):
                self._store.layers.forget_blob(blob)
        source = self._archive.file(path)
        arrived = self._arrived.get(source)
        if arrived is None:
            for _ in plain_layer(source, path, diff_id):
                pass  # it is verified on the way
        elif arrived.packed.diff_id != diff_id:
            raise other_layer(path, arrived.packed.diff_id, diff_id)
        self._keep(source, diff_id, arrived.digest if arrived is not None else "")

    def _is_sound(self, blob: LayerBlob) -> bool:
        return self._store.blobs.is_sound(blob.digest)

    def _keep(self, source: str, diff_id: str, digest: str) -> None:
        """Keep the bytes of a layer that was verified, as they came, as a blob; those that are ours are not
        written again.  `digest` is theirs, where it is known."""
        with open(source, "rb") as file:
            kind = kind_of(file.read(CHUNK))
            media_type = MEDIA_TYPES.get(kind)
            if media_type is None:
                return
            if not digest:
                file.seek(0)
                # The digest of a plain tar is the diff ID.
                digest = diff_id if kind == "none" else "sha256:" + hex_of_file(file.fileno())
            if source == self._store.blobs.path(digest):
                size = os.fstat(file.fileno()).st_size
            elif self._own:
                size = self._store.blobs.adopt(source, digest)
            else:
                size = self._copied(file, digest)
        self._store.layers.add_blob(LayerBlob(diff_id, media_type, digest, size))

    def _copied(self, file: IO[bytes], digest: str) -> int:
        """The bytes of somebody else's file as a blob; how many they are."""
        file.seek(0)
        with self._store.blobs.writer() as blob:
            while data := file.read(CHUNK):
                blob.write(data)
            return blob.commit(digest)[1]
