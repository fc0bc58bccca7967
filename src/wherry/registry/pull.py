"""An image of a registry to the store."""

from __future__ import annotations

import os
import time

from wherry.counted import counted
from wherry.errors import CorruptError, UnsupportedError, WherryError
from wherry.layers.tree import ROOT_MODE
from wherry.oci import config as oci_config
from wherry.oci import manifest as oci
from wherry.oci.config import LARGEST_CONFIG
from wherry.oci.platform import of_machine
from wherry.registry import progress as words
from wherry.registry.choice import choose, entries
from wherry.registry.fetch import Source, alone_with, fetch_blob, received
from wherry.registry.parallel import Stop, each
from wherry.registry.progress import Silent, short
from wherry.registry.ranges import connections_for, in_ranges
from wherry.registry.repository import NotThere
from wherry.store import ImageRecord, LayerBlob, LayerInfo
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.layers.tarread import Reader
    from wherry.oci.config import ImageConfig
    from wherry.oci.manifest import Descriptor, Manifest
    from wherry.oci.platform import Platform
    from wherry.oci.reference import Reference
    from wherry.registry.client import Registries
    from wherry.registry.progress import Progress
    from wherry.registry.repository import Fetched, Repository
    from wherry.store import Store

AT_ONCE = 4
"""Layers that are fetched and unpacked side by side."""
MOST_DEEP = 3
"""Indexes inside each other."""
MOST_LAYERS = 1000


class Place(Source, Protocol):
    """Where an image is: a repository of a registry, or what is read as one."""

    def manifest(self, reference: str) -> Fetched: ...


class Pulled(NamedTuple):
    """`digest` is what the name stands for at the registry: an image's manifest, or an index."""

    image: ImageRecord
    digest: str
    is_new: bool


def pull(
    store: Store,
    registries: Registries,
    name: Reference,
    platform: Platform | None,
    progress: Progress,
) -> Pulled:
    """Fetch the image that a name stands for, and let the name stand for it here.

    Of an index it is the image for `platform` (this machine's where none is given).  Nothing is recorded
    before all of it is here; what is here is not fetched.  Any number may pull at once.
    Raises RegistryError, NotFoundError, CorruptError, HostileArchiveError, UnsupportedError.
    """
    return fetch(store, resolve(registries, name, platform), progress)


class Resolved(NamedTuple):
    """What a name stands for at the moment: the image's manifest, and where its parts are.

    `digest` is that of the name itself: of the manifest, or of an index that holds it, whose bytes are
    `top`.
    """

    name: Reference
    digest: str
    manifest: Fetched
    sources: Sequence[Place]
    top: bytes = b""


def resolve(registries: Registries, name: Reference, platform: Platform | None) -> Resolved:
    """Ask for a name's manifest, and nothing more.  Raises as pull() does."""
    top, sources = _find(registries, name)
    found = image_of(top, sources, platform, name.familiar())
    return Resolved(name, top.digest, found, sources, b"" if found is top else top.data)


def fetch_config(store: Store, resolved: Resolved) -> ImageConfig:
    """The configuration alone: what it says of the image is known before its layers are here."""
    return _pull(store, resolved, Silent()).config()


def fetch(store: Store, resolved: Resolved, progress: Progress) -> Pulled:
    """The rest of pull()."""
    name = resolved.name
    with store.using():
        before = store.names.get(name.canonical())
        known = store.images.get(before) if before is not None else None
        record = _pull(store, resolved, progress).record()
        if resolved.top:
            store.blobs.put(resolved.top)  # by which the image's manifest is known to be the registry's
        _name(store, name, resolved.digest, record)
    is_new = known is None or (known.id, known.manifest) != (record.id, record.manifest)
    return Pulled(record, resolved.digest, is_new)


def fetch_unnamed(
    store: Store, manifest: Fetched, source: Place, progress: Progress
) -> tuple[str, ImageConfig]:
    """An image's id and configuration, with its layers in the store, where no record speaks of it.

    To be called within store.using(): the next collection takes what no other image has.  Raises as pull().
    """
    return _Pull(store, manifest, [source], source.name, progress).parts()


def _find(registries: Registries, name: Reference) -> tuple[Fetched, list[Repository]]:
    """What a name stands for, and where its parts are to be asked for: first there where it was found."""
    sources = registries.sources(name)
    reference = name.digest or name.tag
    for place, source in enumerate(sources[:-1]):
        try:
            return source.manifest(reference), [source, *sources[place + 1 :]]
        except WherryError:
            continue  # a mirror that does not have it, or is not there
    return sources[-1].manifest(reference), sources[-1:]


def image_of(fetched: Fetched, sources: Sequence[Place], platform: Platform | None, name: str) -> Fetched:
    """The image's manifest, through indexes."""
    chosen = platform or of_machine(os.uname().machine)
    for _ in range(MOST_DEEP):
        if fetched.media_type not in (oci.INDEX, oci.DOCKER_INDEX):
            return fetched
        found = choose(entries(fetched.data, f"index {short(fetched.digest)}"), chosen, name)
        fetched = sources[0].manifest(found.digest)
    raise CorruptError(f"{name}: more than {MOST_DEEP} indexes inside each other")


def _name(store: Store, name: Reference, digest: str, record: ImageRecord) -> None:
    """The name, and the one by digest that the same bytes have for ever."""
    with store.database.transaction():
        if name.tag and not name.digest:
            store.name(name.canonical(), record)
        store.name(name._replace(tag="", digest=digest).canonical(), record)


def fetch_layers(
    store: Store, sources: Sequence[Source], layers: Sequence[tuple[Descriptor, str]], progress: Progress
) -> None:
    """Have layers, each a blob and the diff ID that it is to have, in the store.  Raises as pull()."""
    _Layers(store, sources, progress).fetch(layers)


def _pull(store: Store, resolved: Resolved, progress: Progress) -> _Pull:
    return _Pull(store, resolved.manifest, resolved.sources, resolved.name.familiar(), progress)


class _Pull:
    """One image."""

    def __init__(
        self, store: Store, manifest: Fetched, sources: Sequence[Place], name: str, progress: Progress
    ) -> None:
        self._store = store
        self._sources = sources
        self._data = manifest.data
        self._name = name
        self._layers = _Layers(store, sources, progress)

    def _manifest(self) -> Manifest:
        manifest = oci.parse(self._data, f"manifest of {self._name}")
        self._check(manifest)
        return manifest

    def config(self) -> ImageConfig:
        digest = self._manifest().config
        fetch_blob(self._store, self._sources, digest)
        return oci_config.parse(self._store.blobs.read(digest.digest), f"config of {self._name}")

    def record(self) -> ImageRecord:
        """Fetch what is not here, and record the image."""
        image, _ = self.parts()
        record = ImageRecord(image, self._store.blobs.put(self._data), time.time())
        self._store.images.add(record)
        return record

    def parts(self) -> tuple[str, ImageConfig]:
        """Fetch what is not here: the configuration, whose digest is the image's id, and the layers."""
        manifest, config = self._manifest(), self.config()
        if len(config.diff_ids) != len(manifest.layers):
            raise CorruptError(
                f"{self._name}: the manifest has {counted(len(manifest.layers), 'layer')}, "
                f"the config promises {len(config.diff_ids)}"
            )
        self._layers.fetch(list(zip(manifest.layers, config.diff_ids, strict=True)))
        return manifest.config.digest, config

    def _check(self, manifest: Manifest) -> None:
        """Raises UnsupportedError for what is no image that can be run here."""
        kind = manifest.config.media_type
        if kind not in (oci.CONFIG, oci.DOCKER_CONFIG):
            raise UnsupportedError(
                f"{self._name} is an artifact, not an image ({kind or 'of no kind'})",
                hint="wherry copy moves it as it is",
            )
        if manifest.config.size > LARGEST_CONFIG or len(manifest.layers) > MOST_LAYERS:
            raise CorruptError(
                f"{self._name}: a configuration of {manifest.config.size} bytes and "
                f"{len(manifest.layers)} layers is more than any image has"
            )
        for layer in manifest.layers:
            if layer.media_type.endswith("+encrypted"):
                raise UnsupportedError(f"{self._name}: layer {short(layer.digest)} is encrypted")


class _Layers:
    """Blobs to layers, several at once."""

    def __init__(self, store: Store, sources: Sequence[Source], progress: Progress) -> None:
        self._store = store
        self._sources = sources
        self._progress = progress
        self._stop = Stop()
        self._connections = 1

    def fetch(self, pairs: Sequence[tuple[Descriptor, str]]) -> None:
        different = {layer.digest: (layer, diff_id) for layer, diff_id in pairs}
        missing = [pair for pair in different.values() if not self._is_here(*pair)]
        for layer, _ in missing:
            self._progress.layer(short(layer.digest), words.PULLING)
        self._connections = connections_for([layer for layer, _ in missing])
        each(missing, lambda pair: self._layer(*pair), self._stop, number=AT_ONCE)

    def _is_here(self, layer: Descriptor, diff_id: str) -> bool:
        if not self._store.layers.has(diff_id):
            return False
        if self._store.blobs.has(layer.digest):
            self._remember(layer, diff_id)
        self._progress.layer(short(layer.digest), words.EXISTS)
        return True

    def _layer(self, layer: Descriptor, diff_id: str) -> None:
        label = short(layer.digest)

        def arrived(size: int) -> None:
            self._stop.check()
            self._progress.layer(label, words.DOWNLOADING, size, layer.size)

        def waiting() -> None:
            self._progress.layer(label, words.WAITING)

        with alone_with(self._store, layer.digest, waiting):
            if not self._store.layers.has(diff_id):
                try:
                    self._make(layer, diff_id, arrived)
                except NotThere as error:
                    raise oci.not_distributed(layer) or error from None
        self._progress.layer(label, words.PULLED)

    def _make(self, layer: Descriptor, diff_id: str, arrived: Callable[[int], object]) -> None:
        """A layer's tree, while its blob arrives or of the one that is here."""
        with self._store.temp() as temporary:
            tree = os.path.join(temporary, "layer")

            def unpack(stream: Reader) -> LayerInfo:
                return self._unpacked(stream, tree, diff_id)

            if self._store.blobs.is_whole(layer.digest):
                with self._store.blobs.open(layer.digest) as blob:
                    info = unpack(blob)
            else:
                sources = in_ranges(self._sources, layer, self._connections)
                info = received(self._store, sources, layer, arrived, unpack)
            self._remember(layer, diff_id)
            self._store.layers.add(tree, info)

    @staticmethod
    def _unpacked(stream: Reader, tree: str, diff_id: str) -> LayerInfo:
        from wherry.layers.compress import decompressed
        from wherry.layers.remove import remove_tree
        from wherry.layers.unpack import unpack

        if os.path.lexists(tree):
            remove_tree(tree)
        os.mkdir(tree)
        os.chmod(tree, ROOT_MODE)
        packed = unpack(decompressed(stream), tree, name=f"layer {short(diff_id)}")
        if packed.diff_id != diff_id:
            raise CorruptError(
                f"layer {packed.diff_id} where the image's configuration promises {diff_id}",
                hint="whoever pushed the image made it so; nothing of it is used",
            )
        return LayerInfo(diff_id, packed.size, packed.tar_size)

    def _remember(self, layer: Descriptor, diff_id: str) -> None:
        """The blob that holds a layer, so that it leaves again as it came."""
        media_type = oci.layer_type(oci.compression_of(layer.media_type))
        self._store.layers.add_blob(LayerBlob(diff_id, media_type, layer.digest, layer.size))
