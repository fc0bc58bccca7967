"""The blobs of an image's layers as they leave: compressed as asked for, once, and remembered."""

from __future__ import annotations

import hashlib
import json

from wherry.errors import CorruptError
from wherry.oci import manifest as oci_manifest
from wherry.oci.manifest import Descriptor, Manifest, compression_of, layer_type
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.images.view import Image
    from wherry.store import Store

CHUNK = 1 << 20


class Packing(NamedTuple):
    """How layers leave: `compression` is "gzip", "zstd" or "none", `level` its own number or None.

    A layer that came compressed stays as it came unless `force` is given: it is known elsewhere by its
    digest.  With `plain_too` so does one that came uncompressed.  `oci` chooses between OCI's media types
    and Docker's.
    """

    compression: str = "gzip"
    level: int | None = None
    force: bool = False
    oci: bool = True
    plain_too: bool = False


class Part(NamedTuple):
    """A layer and the blob that stands for it.  `packed` says whether the blob is in the store; where it
    is not, it is the layer's plain tar.
    """

    diff_id: str
    blob: Descriptor
    packed: bool


def pack_layers(
    store: Store,
    image: Image,
    packing: Packing,
    *,
    verify: bool = True,
    elsewhere: Callable[[Descriptor], bool] = lambda blob: False,
) -> tuple[Part, ...]:
    """The blobs for the layers of an image.  Compresses those that are not there yet, on all cores.

    With `verify` false blobs that are there are taken to be right: who gets them looks.  `elsewhere` tells
    whether who gets them has a blob that is not here.
    Raises CorruptError if a layer no longer has the bytes of its diff ID.
    """
    choice = _Choice(store, packing, verify, elsewhere)
    known = image.manifest().layers
    return tuple(
        choice.part(diff_id, came) for diff_id, came in zip(image.config.diff_ids, known, strict=True)
    )


def pack_layer(store: Store, diff_id: str, packing: Packing) -> Part:
    """The blob for one layer, whatever image it is of: the one that is there, or a new one."""
    from wherry.images.write import layer_descriptor

    choice = _Choice(store, packing, False, lambda blob: False)
    return choice.part(diff_id, layer_descriptor(store, diff_id))


def manifest_of(
    store: Store,
    image: Image,
    parts: Sequence[Part],
    packing: Packing,
    annotations: Mapping[str, str] = {},
) -> Manifest:
    """The manifest of an image whose layers are these blobs."""
    config = oci_manifest.CONFIG if packing.oci else oci_manifest.DOCKER_CONFIG
    return Manifest(
        Descriptor(config, image.id, store.blobs.size(image.id)),
        tuple(part.blob for part in parts),
        oci_manifest.MANIFEST if packing.oci else oci_manifest.DOCKER_MANIFEST,
        dict(annotations),
    )


class _Choice:
    """Which blob a layer leaves as."""

    def __init__(
        self, store: Store, packing: Packing, verify: bool, elsewhere: Callable[[Descriptor], bool]
    ) -> None:
        self._store = store
        self._packing = packing
        self._verify = verify
        self._elsewhere = elsewhere

    def part(self, diff_id: str, came: Descriptor) -> Part:
        packing = self._packing
        compression = compression_of(came.media_type)
        if (compression != "none" or packing.plain_too) and not packing.force:
            described = self._described(came.digest, came.size, compression)
            if self._is_sound(diff_id, came.digest):
                return Part(diff_id, described, True)
            if self._elsewhere(came):
                return Part(diff_id, described, False)
        if packing.compression == "none":
            info = self._store.layers.info(diff_id)
            size = info.tar_size if info is not None else 0
            return Part(diff_id, self._described(diff_id, size, "none"), False)
        digest = self._compressed(diff_id)
        size = self._store.blobs.size(digest)
        return Part(diff_id, self._described(digest, size, packing.compression), True)

    def _described(self, digest: str, size: int, compression: str) -> Descriptor:
        return Descriptor(layer_type(compression, oci=self._packing.oci), digest, size)

    def _compressed(self, diff_id: str) -> str:
        """The digest of a layer's compressed blob: the one that was made before, or a new one."""
        components = {
            "kind": "blob",
            "layer": diff_id,
            "compression": self._packing.compression,
            "level": self._packing.level,
        }
        text = json.dumps(components, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        known = self._store.cache.get(key)
        if known is not None and self._is_sound(diff_id, known.value):
            return known.value
        digest = _compress(self._store, diff_id, self._packing)
        self._store.cache.put(key, digest, components)
        return digest

    def _is_sound(self, diff_id: str, digest: str) -> bool:
        return _sound(self._store, diff_id, digest) if self._verify else self._store.blobs.has(digest)


def _compress(store: Store, diff_id: str, packing: Packing) -> str:
    from wherry.layers.compress import compressed

    with store.blobs.writer() as blob:
        writer = compressed(blob, packing.compression, packing.level)  # type: ignore[arg-type]
        try:
            write_layer_tar(store, diff_id, writer.write)
            writer.close()
        except BaseException:
            writer.abort()
            raise
        digest, _ = blob.commit()
    return digest


def _sound(store: Store, diff_id: str, digest: str) -> bool:
    """Whether a layer's blob is there and right.  One that is damaged is said, and is made again or done
    without: it is looked at before any of its bytes leave, since what has left cannot be taken back."""
    if not store.blobs.has(digest):
        return False
    if store.blobs.is_whole(digest):
        return True
    store.warn(f"blob {digest} of layer {diff_id[:19]} is damaged: its tree is used instead")
    return False


def write_layer_tar(store: Store, diff_id: str, sink: Callable[[bytes], object]) -> None:
    """The uncompressed tar of a layer: from its blob where a sound one was kept, else packed from its tree.

    Raises CorruptError where neither has the bytes of the diff ID, NotFoundError where there is no tree.
    """
    for kept in store.layers.blobs(diff_id):
        if _sound(store, diff_id, kept.digest):
            _write_unpacked(store.blobs.path(kept.digest), sink)
            return
    from wherry.images.view import layer_paths
    from wherry.layers.pack import pack

    layer_paths(store, [diff_id], "the image")
    packed = pack(store.layers.path(diff_id), sink)
    if packed.diff_id != diff_id:
        if store.layers.blobs(diff_id):
            raise CorruptError(
                f"layer {diff_id} cannot leave: the blob in which it came is damaged or lost, "
                "and its files packed again are other bytes",
                hint="load the image again",
            )
        store.layers.doubt(diff_id)
        raise CorruptError(
            f"layer {diff_id} was changed on disk: its files give {packed.diff_id}",
            hint="build or load the image again; nothing but wherry should write into the store",
        )


def _write_unpacked(path: str, sink: Callable[[bytes], object]) -> None:
    from wherry.layers.compress import decompressed

    with open(path, "rb") as blob:
        plain = decompressed(blob)
        while data := plain.read(CHUNK):
            sink(data)
