"""Images elsewhere as explore reads them: archives and layouts where they lie, layers as they pass by."""

from __future__ import annotations

import contextlib
import os

from wherry.errors import CorruptError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.app.meant import Asked
    from wherry.copying.image import From
    from wherry.explore.archive import Packed, Unpacked
    from wherry.explore.explore import Subject
    from wherry.explore.model import LayerFiles
    from wherry.oci.config import ImageConfig
    from wherry.oci.manifest import Descriptor, Manifest
    from wherry.oci.platform import Platform
    from wherry.registry.progress import Progress
    from wherry.registry.pull import Place
    from wherry.store import Store

READING, READ = "Reading", "Read"


@contextlib.contextmanager
def archive(store: Store, file: str, tag: str, platform: Platform | None) -> Iterator[Subject]:
    """A tar is read where it lies, one that is compressed from what it becomes."""
    from wherry.explore.archive import Packed, Unpacked, is_compressed

    with contextlib.ExitStack() as stack:
        source: Packed | Unpacked
        if is_compressed(file):
            source = Unpacked(_unpacked(file, stack.enter_context(store.temp())), _keeping(stack))
        else:
            source = Packed(file, _keeping(stack)(file))
        if source.has("manifest.json"):
            yield _from_docker(store, source, file, tag)
        elif source.has("index.json"):
            yield _from_layout(store, source, file, tag, platform)
        else:
            raise CorruptError(
                f"{file} holds no image: neither manifest.json nor index.json",
                hint="unpack the tar of a file system, and explore the folder",
            )


def _keeping(stack: contextlib.ExitStack) -> Callable[[str], int]:
    """What opens files for as long as the stack lasts."""
    return lambda path: stack.enter_context(open(path, "rb")).fileno()


def _unpacked(file: str, temporary: str) -> str:
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack

    folder = os.path.join(temporary, "archive")
    os.mkdir(folder)
    with open(file, "rb") as stream:
        unpack(decompressed(stream), folder, name=file, markers=False)
    return folder


def _from_docker(store: Store, source: Packed | Unpacked, name: str, tag: str) -> Subject:
    from wherry.explore.archive import layer_of
    from wherry.images.archive import chosen, paired
    from wherry.oci import config as oci_config
    from wherry.oci.digest import digest_of

    entry = chosen(source.docker(), tag)
    config = oci_config.parse(entry.config)
    layers = [
        layer_of(source.part(path), f"layer {path}", diff_id)
        for path, diff_id in paired(entry.layers, config.diff_ids)
    ]
    shown = entry.names[0].familiar() if entry.names else name
    return of_config(store, shown, digest_of(entry.config), config, layers)


def _from_layout(
    store: Store, source: Packed | Unpacked, name: str, tag: str, platform: Platform | None
) -> Subject:
    from wherry.copying.layout import LayoutSource
    from wherry.explore.archive import layer_of
    from wherry.oci.layout import blob_path
    from wherry.registry.answer import DOCUMENT

    class Layout(LayoutSource):
        def _read(self, path: str) -> bytes:
            return source.read(path, DOCUMENT)

    layout = Layout(name)
    manifest, config = _described(layout, tag, platform, lambda blob: source.blob(blob.digest))
    layers = [
        layer_of(source.part(blob_path(blob.digest)), f"layer {blob.digest[:19]}", diff_id)
        for blob, diff_id in _pairs(manifest, config)
    ]
    return of_config(store, f"{name}:{tag}" if tag else name, manifest.config.digest, config, layers)


@contextlib.contextmanager
def layout(store: Store, folder: str, tag: str, platform: Platform | None) -> Iterator[Subject]:
    """A folder that is an OCI layout."""
    from wherry.explore.archive import Unpacked

    with contextlib.ExitStack() as stack:
        yield _from_layout(store, Unpacked(folder, _keeping(stack)), folder, tag, platform)


@contextlib.contextmanager
def remote(store: Store, word: str, asked: Asked) -> Iterator[Subject]:
    """An image of a registry: of layers with an index only that comes, others pass by and are not kept."""
    from wherry.copying.inspect import document
    from wherry.copying.places import Opened, parse_place
    from wherry.copying.places import source as place_source

    client = asked.registries()
    try:
        opened = Opened(client, store, "")
        with place_source(parse_place(word), opened) as (source, reference):
            manifest, config = _described(
                source, reference, asked.platform, lambda blob: document(source, blob)
            )
            layers = [
                _passing(source, blob, diff_id, asked.progress)
                for blob, diff_id in _pairs(manifest, config)
            ]
        yield of_config(store, word.removeprefix("docker://"), manifest.config.digest, config, layers)
    finally:
        asked.progress.close()
        client.close()


def _described(
    source: Place, reference: str, platform: Platform | None, read: Callable[[Descriptor], bytes]
) -> tuple[Manifest, ImageConfig]:
    from wherry.oci import config as oci_config
    from wherry.oci import manifest as oci
    from wherry.registry.pull import image_of

    found = image_of(source.manifest(reference), [source], platform, source.name)
    manifest = oci.parse(found.data, f"manifest of {source.name}")
    if manifest.config.media_type not in (oci.CONFIG, oci.DOCKER_CONFIG):
        raise UsageError(f"{source.name} is an artifact, not an image ({manifest.config.media_type})")
    return manifest, oci_config.parse(read(manifest.config), f"config of {source.name}")


def _pairs(manifest: Manifest, config: ImageConfig) -> list[tuple[Descriptor, str]]:
    from wherry.images.archive import paired

    blobs = {blob.digest: blob for blob in manifest.layers}
    found = paired([blob.digest for blob in manifest.layers], config.diff_ids, "the manifest")
    return [(blobs[digest], diff_id) for digest, diff_id in found]


def _passing(source: From, blob: Descriptor, diff_id: str, progress: Progress) -> LayerFiles:
    from wherry.explore.archive import passing
    from wherry.explore.indexed import from_index
    from wherry.registry.progress import short

    def fetch(start: int, end: int) -> bytes:
        with _Arriving(source, blob, start, end) as arriving:
            data = b""
            while len(data) < end - start and (piece := arriving.read(end - start - len(data))):
                data += piece
            return data

    found = from_index(blob, fetch)
    if found is None:
        told = lambda done: progress.layer(short(blob.digest), READING, done, blob.size)  # noqa: E731
        with _Arriving(source, blob, 0, blob.size, told) as arriving:
            found = passing(arriving, f"layer {blob.digest[:19]}", diff_id)
    progress.layer(short(blob.digest), READ)
    return found


class _Arriving:
    """Bytes of a blob of a registry as a stream.  Raises RegistryError."""

    def __init__(
        self,
        source: From,
        blob: Descriptor,
        start: int,
        end: int,
        told: Callable[[int], object] = lambda done: None,
    ) -> None:
        self._source = source
        self._told = told
        self._body, first = source.blob(blob.digest, start, end)
        self._skip, self._left, self._size = start - first, end - start, end - start

    def __enter__(self) -> _Arriving:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()

    def read(self, size: int, /) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            while self._skip and (piece := self._body.piece(min(self._skip, 1 << 18))):
                self._skip -= len(piece)
            data: bytes = self._body.piece(min(size, self._left))
        except HTTPError as error:
            raise self._source.failure(error) from None
        self._left -= len(data)
        self._told(self._size - self._left)
        return data


def of_config(
    store: Store, name: str, image: str, config: ImageConfig, layers: Sequence[LayerFiles]
) -> Subject:
    """What is known of the layers' commands: a build of this store may have made an archive's, too."""
    from wherry.explore.explore import Subject
    from wherry.explore.made import from_history, with_builds

    made = from_history(config.history, len(layers))
    made = with_builds(made, config.diff_ids, image, store.builds.all())
    return Subject(name, tuple(layers), tuple(made), config.diff_ids, image, str(config.platform))
