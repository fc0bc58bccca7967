"""The archives of ``docker save``, copied by way of an OCI layout: they have no manifests of their own."""

from __future__ import annotations

import hashlib
import os

from wherry.copying.layout import Layout, writer_of
from wherry.errors import CorruptError, NotFoundError
from wherry.images.archive import Archive, DockerEntry, other_layer
from wherry.layers.compress import compressed, decompressed, kind_of
from wherry.oci import config as oci_config
from wherry.oci import manifest as oci
from wherry.oci.layout import blob_path, docker_entry, name_notes
from wherry.oci.manifest import Descriptor, Manifest
from wherry.oci.reference import parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.images.layout import Write
    from wherry.oci.reference import Reference

CHUNK = 1 << 20
TAG = "latest"
KEPT = ("gzip", "zstd")
"""Compressions in which a layer may leave as it is."""


def to_layout(folder: str, name: str, layout: Layout, compression: str) -> None:
    """Bring one image of an unpacked docker-archive into a layout, under TAG.

    `name` is the image's (NAME[:TAG], or @N, counted from 0), "" for the only one.  Layers that are plain
    tars are compressed ("gzip") or not ("none"); every layer is verified.  Raises NotFoundError,
    CorruptError, InvalidReferenceError.
    """
    archive = Archive(folder)
    entry = _chosen(archive.docker(), name)
    config = oci_config.parse(entry.config)
    if len(entry.layers) != len(config.diff_ids):
        raise CorruptError(
            f"the config promises {len(config.diff_ids)} layers, the archive has {len(entry.layers)}"
        )
    pairs = zip(entry.layers, config.diff_ids, strict=True)
    layers = tuple(
        _layer(archive.file(path), path, diff_id, layout, compression) for path, diff_id in pairs
    )
    digest = _add(layout, entry.config)
    manifest = Manifest(Descriptor(oci.CONFIG, digest, len(entry.config)), layers)
    layout.put(TAG, manifest.media_type, manifest.to_json())


def _chosen(entries: Iterator[DockerEntry], name: str) -> DockerEntry:
    number = name.removeprefix("@")
    if name.startswith("@") and number.isascii() and number.isdigit():
        for place, entry in enumerate(entries):
            if place == int(number):
                return entry
        raise NotFoundError(f"the archive has no image {name}")
    wanted = parse(name) if name else None
    names: list[Reference] = []
    found: DockerEntry | None = None
    count = 0
    for entry in entries:
        count += 1
        names += entry.names
        if wanted is None or wanted in entry.names:
            found = found or entry
    if found is None or (wanted is None and count > 1):
        there = ", ".join(each.familiar() for each in names[:10])
        what = f"image {wanted.familiar()}" if wanted else "only image"
        raise NotFoundError(
            f"the archive has no {what}",
            hint=f"it has {there}" if there else f"@0 to @{count - 1} name them",
        )
    return found


def _layer(file: str, path: str, diff_id: str, layout: Layout, compression: str) -> Descriptor:
    with open(file, "rb") as stream:
        kind = kind_of(stream.read(6))
    if kind in KEPT:
        _verify(file, path, diff_id)
        return _put(layout, kind, writer_of(file))
    return _put(layout, compression, _compressed(file, path, diff_id, compression))


def _verify(file: str, path: str, diff_id: str) -> None:
    for _ in _plain(file, path, diff_id):
        pass


def _plain(file: str, path: str, diff_id: str) -> Iterator[bytes]:
    """A layer's plain tar.  Raises CorruptError at its end where it is not that of the diff ID."""
    hashed = hashlib.sha256()
    with open(file, "rb") as stream:
        reader = decompressed(stream)
        while data := reader.read(CHUNK):
            hashed.update(data)
            yield data
    if "sha256:" + hashed.hexdigest() != diff_id:
        raise other_layer(path, "sha256:" + hashed.hexdigest(), diff_id)


def _compressed(file: str, path: str, diff_id: str, compression: str) -> Write:
    def write(out: Callable[[bytes], object]) -> None:
        writer = compressed(_Sink(out), compression)  # type: ignore[arg-type]
        try:
            for data in _plain(file, path, diff_id):
                writer.write(data)
            writer.close()
        except BaseException:
            writer.abort()
            raise

    return write


class _Sink:
    """A function as a file that is written to."""

    def __init__(self, out: Callable[[bytes], object]) -> None:
        self.write = out

    def flush(self) -> None: ...


def _put(layout: Layout, kind: str, write: Write) -> Descriptor:
    """A blob whose digest is known when it is written."""
    from wherry.layers.newfile import NewFile

    hashed = hashlib.sha256()
    size = 0
    folder = os.path.dirname(layout.path("sha256:"))
    os.makedirs(folder, exist_ok=True)
    above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with NewFile(above) as file, open(file.number, "wb", closefd=False) as sink:

            def out(data: bytes) -> None:
                nonlocal size
                hashed.update(data)
                size += len(data)
                sink.write(data)

            write(out)
            sink.flush()
            file.commit(hashed.hexdigest())
    finally:
        os.close(above)
    return Descriptor(oci.layer_type(kind), "sha256:" + hashed.hexdigest(), size)


def _add(layout: Layout, data: bytes) -> str:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    layout.send(Descriptor("", digest, len(data)), lambda start: iter((data[start:],)))
    return digest


def from_layout(layout: Layout, name: str, archive: str, temporary: str) -> None:
    """Write the image that a layout has under TAG as an archive, which is an OCI layout, too.

    `name` is what it is to be called, "" for nothing.  Raises CorruptError where a layer is not that of its
    diff ID.
    """
    from wherry.images.layout import Tar
    from wherry.layers.newfile import new_file

    manifest = oci.parse(layout.manifest(TAG).data)
    data = layout.document(manifest.config.digest)
    config = oci_config.parse(data)
    plain = Layout(os.path.join(temporary, "plain"))
    layers = []
    for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True):
        file = layout.path(layer.digest)
        layers.append(_put(plain, "none", _compressed(file, layer.digest, diff_id, "none")))
    image = Manifest(Descriptor(oci.CONFIG, manifest.config.digest, len(data)), tuple(layers)).to_json()
    digest = "sha256:" + hashlib.sha256(image).hexdigest()
    reference = parse(name) if name else None
    notes = name_notes(reference) if reference else {}
    with new_file(archive) as out:
        tar = Tar(out)
        for descriptor in {each.digest: each for each in layers}.values():
            tar.add(blob_path(descriptor.digest), descriptor.size, writer_of(plain.path(descriptor.digest)))
        tar.add(blob_path(manifest.config.digest), len(data), lambda out: out(data))
        tar.add(blob_path(digest), len(image), lambda out: out(image))
        entry = docker_entry(manifest.config.digest, [reference] if reference else [], layers)
        tar.close([Descriptor(oci.MANIFEST, digest, len(image), notes).to_json()], [entry])
