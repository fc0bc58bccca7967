"""The archives of ``docker save``, copied by way of an OCI layout: they have no manifests of their own."""

from __future__ import annotations

import hashlib
import os

from wherry.copying.layout import Layout
from wherry.images.archive import Archive, chosen, paired, plain_layer
from wherry.images.layout import from_file
from wherry.layers.compress import compressed, kind_of
from wherry.oci import config as oci_config
from wherry.oci import manifest as oci
from wherry.oci.digest import digest_of
from wherry.oci.layout import blob_path, docker_entry, name_notes
from wherry.oci.manifest import Descriptor, Manifest
from wherry.oci.reference import parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.images.layout import Write

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
    entry = chosen(archive.docker(), name)
    config = oci_config.parse(entry.config)
    layers = tuple(
        _layer(archive.file(path), path, diff_id, layout, compression)
        for path, diff_id in paired(entry.layers, config.diff_ids)
    )
    described = Descriptor(oci.CONFIG, digest_of(entry.config), len(entry.config))
    layout.send(described, lambda start: iter((entry.config[start:],)))
    manifest = Manifest(described, layers)
    layout.put(TAG, manifest.media_type, manifest.to_json())


def _layer(file: str, path: str, diff_id: str, layout: Layout, compression: str) -> Descriptor:
    with open(file, "rb") as stream:
        kind = kind_of(stream.read(6))
    if kind in KEPT:
        for _ in plain_layer(file, path, diff_id):
            pass  # it is verified on the way
        return _put(layout, kind, from_file(file))
    return _put(layout, compression, _compressed(file, path, diff_id, compression))


def _compressed(file: str, path: str, diff_id: str, compression: str) -> Write:
    def write(out: Callable[[bytes], object]) -> None:
        writer = compressed(_Sink(out), compression)  # type: ignore[arg-type]
        try:
            for data in plain_layer(file, path, diff_id):
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


def from_layout(layout: Layout, name: str, archive: str, temporary: str) -> None:
    """Write the image that a layout has under TAG as an archive, which is an OCI layout, too.

    `name` is what it is to be called, "" for nothing.  Raises CorruptError where a layer is not that of its
    diff ID, UnsupportedError where it is foreign and not there.
    """
    from wherry.images.layout import Tar
    from wherry.layers.newfile import new_file

    manifest = oci.parse(layout.manifest(TAG).data)
    data = layout.document(manifest.config.digest)
    config = oci_config.parse(data)
    plain = Layout(os.path.join(temporary, "plain"))
    for layer in manifest.layers:
        if not layout.holds(layer.digest) and (missing := oci.not_distributed(layer)):
            raise missing
    layers = []
    digests = [layer.digest for layer in manifest.layers]
    for blob, diff_id in paired(digests, config.diff_ids, "the manifest"):
        layers.append(_put(plain, "none", _compressed(layout.path(blob), blob, diff_id, "none")))
    image = Manifest(Descriptor(oci.CONFIG, manifest.config.digest, len(data)), tuple(layers)).to_json()
    digest = digest_of(image)
    reference = parse(name) if name else None
    notes = name_notes(reference) if reference else {}
    with new_file(archive) as out:
        tar = Tar(out)
        for descriptor in {each.digest: each for each in layers}.values():
            tar.add(blob_path(descriptor.digest), descriptor.size, from_file(plain.path(descriptor.digest)))
        tar.add(blob_path(manifest.config.digest), len(data), lambda out: out(data))
        tar.add(blob_path(digest), len(image), lambda out: out(image))
        entry = docker_entry(manifest.config.digest, [reference] if reference else [], layers)
        tar.close([Descriptor(oci.MANIFEST, digest, len(image), notes).to_json()], [entry])
