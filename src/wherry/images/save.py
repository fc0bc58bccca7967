"""Images as one tar that docker, podman and skopeo load: a docker-archive that is an OCI layout too."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING

from wherry.errors import CorruptError
from wherry.layers.compress import decompressed
from wherry.layers.entry import FILE, Entry
from wherry.layers.pack import pack
from wherry.layers.tarwrite import END, header, padding
from wherry.oci.manifest import CONFIG, LAYER, MANIFEST, Descriptor, Manifest
from wherry.oci.reference import from_canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.images.view import Image
    from wherry.store import Store

CHUNK = 1 << 20
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


def save_images(store: Store, images: Sequence[tuple[Image, Sequence[str]]], out: IO[bytes]) -> None:
    """Write images, each with the names (canonical) that it is to have, as they are read: no copies.

    Layers are uncompressed, as ``docker save`` writes them; one that several images have is there once.
    Raises CorruptError if a layer no longer has the bytes of its diff ID.
    """
    archive = _Archive(out)
    archive.add("oci-layout", LAYOUT)
    entries, manifests = [], []
    for image, names in images:
        config = store.blobs.read(image.id)
        archive.add(_blob(image.id), config)
        layers = []
        for diff_id in image.config.diff_ids:
            info = store.layers.info(diff_id)
            size = info.tar_size if info is not None else 0
            layers.append(Descriptor(LAYER, diff_id, size))
            archive.stream(_blob(diff_id), size, lambda sink, d=diff_id: write_layer_tar(store, d, sink))  # type: ignore[misc]
        manifest = Manifest(Descriptor(CONFIG, image.id, len(config)), tuple(layers)).to_json()
        digest = _digest(manifest)
        archive.add(_blob(digest), manifest)
        familiar = [from_canonical(name).familiar() for name in names]
        entries.append(
            {
                "Config": _blob(image.id),
                "RepoTags": familiar or None,
                "Layers": [_blob(diff_id) for diff_id in image.config.diff_ids],
            }
        )
        for name in names or [""]:
            note = {"io.containerd.image.name": name} if name else {}
            manifests.append(Descriptor(MANIFEST, digest, len(manifest), note).to_json())
    archive.add("index.json", json.dumps({"schemaVersion": 2, "manifests": manifests}).encode())
    archive.add("manifest.json", json.dumps(entries).encode())
    out.write(END)


def write_layer_tar(store: Store, diff_id: str, sink: Callable[[bytes], object]) -> None:
    """The uncompressed tar of a layer: from its blob where one was kept, else packed from its tree."""
    for kept in store.layers.blobs(diff_id):
        with store.blobs.open(kept.digest) as blob:
            plain = decompressed(blob)
            while data := plain.read(CHUNK):
                sink(data)
            blob.finish()
        return
    packed = pack(store.layers.path(diff_id), sink)
    if packed.diff_id != diff_id:
        raise CorruptError(
            f"layer {diff_id} was changed on disk: its files give {packed.diff_id}",
            hint="build or load the image again; nothing but wherry should write into the store",
        )


class _Archive:
    """A tar whose members are written once each."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._have: set[str] = set()

    def add(self, name: str, data: bytes) -> None:
        self.stream(name, len(data), lambda sink: sink(data))

    def stream(self, name: str, size: int, write: Callable[[Callable[[bytes], object]], object]) -> None:
        if name in self._have:
            return
        self._have.add(name)
        self._out.write(header(Entry(name.encode(), FILE, 0o644, size=size)))
        write(self._out.write)
        self._out.write(padding(size))


def _blob(digest: str) -> str:
    return "blobs/sha256/" + digest.removeprefix("sha256:")


def _digest(data: bytes) -> str:
    from wherry.oci.digest import digest_of

    return digest_of(data)
