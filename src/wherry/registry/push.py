"""An image of the store to a registry.

What came from a registry goes as it came: the same manifest, the same blobs.  A layer that was made here is
compressed once, and remembered.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from functools import partial

from wherry.errors import CorruptError, NotFoundError, RegistryError
from wherry.images.outgoing import outgoing, outgoing_index
from wherry.images.packing import Packing
from wherry.images.view import Image
from wherry.oci.digest import digest_of
from wherry.oci.reference import from_canonical
from wherry.registry import progress as words
from wherry.registry.parallel import Stop, each
from wherry.registry.progress import short
from wherry.registry.repository import InOneOnly, OtherDigest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wherry.images.packing import Part
    from wherry.oci.attestation import Attached
    from wherry.oci.manifest import Descriptor
    from wherry.oci.reference import Reference
    from wherry.registry.progress import Progress
    from wherry.registry.repository import Repository, Upload
    from wherry.store import Store

AT_ONCE = 4
CHUNK = 1 << 20
TRIES = 5
"""In a row without a byte that arrives."""
PAUSE = 0.25
MOST_NEIGHBOURS = 3
"""Repositories that are asked for a layer before it is sent."""
DEFAULT = Packing()


class Pushed(NamedTuple):
    """`size` is the manifest's, in bytes, as Docker prints it."""

    media_type: str
    digest: str
    size: int


def push(
    store: Store, repository: Repository, name: Reference, progress: Progress, packing: Packing = DEFAULT
) -> Pushed:
    """Send what a name stands for, and let the tag stand for it there.

    Blobs that the registry has are not sent, those of its other repositories are taken from there.
    Raises NotFoundError, RegistryError, CorruptError.
    """
    with store.using():
        target = store.names.get(name.canonical())
        if target is None:
            raise NotFoundError(
                f"An image does not exist locally with the tag: {name.familiar_name()}",
                hint="see wherry images; wherry tag gives an image a registry's name",
            )
        sending = _Push(store, repository, name, progress, packing)
        record = store.images.get(target)
        if record is not None:
            media_type, data = sending.image(Image(store, record))
        else:
            media_type, data = sending.index(target)
        tag = name.tag or digest_of(data)
        digest = repository.put_manifest(tag, media_type, data, sending.again)
        if record is not None:
            _remember(store, name, digest, target)
        return Pushed(media_type, digest, len(data))


def push_parts(
    store: Store,
    repository: Repository,
    name: Reference,
    parts: Sequence[Part],
    config: Descriptor,
    progress: Progress,
) -> None:
    """Send layers and a configuration, which are blobs of the store, and no manifest.  Raises as push()."""
    sending = _Push(store, repository, name, progress, DEFAULT)
    sending.layers(parts)
    sending.blob(config)


def _remember(store: Store, name: Reference, digest: str, image: str) -> None:
    """The registry has it under this digest (RepoDigests)."""
    with contextlib.suppress(NotFoundError):  # removed meanwhile
        store.names.set(name._replace(tag="", digest=digest).canonical(), image)


class _Push:
    def __init__(
        self,
        store: Store,
        repository: Repository,
        name: Reference,
        progress: Progress,
        packing: Packing,
    ) -> None:
        self._store = store
        self._repository = repository
        self._name = name
        self._progress = progress
        self._packing = packing
        self._stop = Stop()
        self._neighbours = _Neighbours(store, name)
        self._last: tuple[Sequence[Part], Descriptor | None] = ((), None)

    def image(self, image: Image) -> tuple[str, bytes]:
        """Send an image's blobs.  Its manifest's media type and bytes, which are still to be put."""
        out = outgoing(self._store, image, self._packing, self._is_there)
        self.layers(out.parts)
        self.blob(out.config)
        self._last = out.parts, out.config
        return out.media_type, out.data

    def again(self) -> None:
        """Send what the registry does not have of the image that was sent last."""
        parts, config = self._last
        self.layers(parts)
        if config is not None:
            self.blob(config)

    def layers(self, parts: Sequence[Part]) -> None:
        for part in (different := _different(parts)):
            self._progress.layer(short(part.diff_id), words.PREPARING)
        each(different, self._layer, self._stop, number=AT_ONCE)

    def _is_there(self, blob: Descriptor) -> bool:
        """Whether the registry can have a blob that is not here: it is there, or in a neighbour."""
        return self._repository.has_blob(blob.digest, push=True) or any(
            self._repository.begin_upload(blob.digest, source) is None
            for source in self._neighbours.of(blob.digest)
        )

    def index(self, digest: str) -> tuple[str, bytes]:
        """Send the images of an index.  Its media type and bytes, which are still to be put.

        Raises NotFoundError where some of them are neither here nor there.
        """

        def leave(image: Image) -> tuple[str, bytes]:
            media_type, data = self.image(image)
            self._repository.put_manifest(digest_of(data), media_type, data, self.again)
            return media_type, data

        def attach(attached: Attached) -> None:
            def send() -> None:
                for blob, data in attached.blobs.items():
                    self._bytes(attached.descriptor._replace(digest=blob, size=len(data)), data)

            send()
            self._repository.put_manifest(
                attached.descriptor.digest, attached.descriptor.media_type, attached.manifest, send
            )

        return outgoing_index(
            self._store, digest, leave, attach, lambda other: self._repository.digest(other) is not None
        )

    def _bytes(self, blob: Descriptor, data: bytes) -> None:
        if not self._repository.has_blob(blob.digest, push=True):
            send_blob(self._repository, blob, lambda place: iter((data[place:],)))

    def _layer(self, part: Part) -> None:
        label, blob = short(part.diff_id), part.blob

        def sent(size: int) -> None:
            self._stop.check()
            self._progress.layer(label, words.PUSHING, size, blob.size)

        if self._repository.has_blob(blob.digest, push=True):
            self._progress.layer(label, words.THERE)
            return
        upload: Upload | None = None
        for source in self._neighbours.of(part.diff_id):
            upload = self._repository.begin_upload(blob.digest, source)
            if upload is None:
                self._progress.layer(label, f"Mounted from {source}")
                return
        _Sender(self._store, self._repository, blob, sent).send(upload)
        self._progress.layer(label, words.PUSHED)

    def blob(self, blob: Descriptor) -> None:
        """Send a blob that is no layer."""
        if self._repository.has_blob(blob.digest, push=True):
            return
        _Sender(self._store, self._repository, blob, lambda size: None).send()


def send_blob(
    repository: Repository,
    blob: Descriptor,
    bytes_from: Callable[[int], Iterator[bytes]],
    upload: Upload | None = None,
) -> None:
    """Send a blob, whose bytes from a place on `bytes_from` gives; where the line is cut, from where they
    arrived.  `upload` is one that was begun.  Raises RegistryError."""
    try:
        upload, in_one = _sent(repository, blob, bytes_from, upload or _begun(repository))
    except InOneOnly:
        repository.send_in_one(_begun(repository), blob.digest, partial(bytes_from, 0), blob.size)
        return
    try:
        repository.finish_upload(upload, blob.digest)
    except OtherDigest:
        if in_one:
            raise
        # The registry may have written on from the line that was cut when it said how far the bytes came.
        upload, _ = _sent(repository, blob, bytes_from, _begun(repository))
        repository.finish_upload(upload, blob.digest)


def _sent(
    repository: Repository, blob: Descriptor, bytes_from: Callable[[int], Iterator[bytes]], upload: Upload
) -> tuple[Upload, bool]:
    """All bytes, and whether they went in one request."""
    failures, in_one = 0, True
    while upload.offset < blob.size:
        before = upload.offset
        try:
            upload = repository.send(upload, partial(bytes_from, before), blob.size - before)
        except InOneOnly:
            raise
        except RegistryError:
            on = repository.arrived(upload)
            if on is None or on.offset > blob.size:
                on = _begun(repository)
            failures = failures + 1 if on.offset <= before else 0
            if failures == TRIES:
                raise
            upload, in_one = on, False
            time.sleep(PAUSE * 2**failures)
    return upload, in_one


def _begun(repository: Repository) -> Upload:
    upload = repository.begin_upload()
    assert upload is not None  # noqa: S101  nothing was to be mounted
    return upload


class _Sender:
    """The bytes of a blob of the store."""

    def __init__(
        self, store: Store, repository: Repository, blob: Descriptor, sent: Callable[[int], object]
    ) -> None:
        self._path = store.blobs.path(blob.digest)
        self._repository = repository
        self._blob = blob
        self._sent = sent

    def send(self, upload: Upload | None = None) -> None:
        """Raises RegistryError; CorruptError where the blob here has other bytes than its digest says."""
        try:
            send_blob(self._repository, self._blob, self._pieces, upload)
        except RegistryError:
            self._check_here()
            raise

    def _pieces(self, start: int) -> Iterator[bytes]:
        with open(self._path, "rb") as file:
            file.seek(start)
            while data := file.read(CHUNK):
                yield data
                start += len(data)
                self._sent(start)

    def _check_here(self) -> None:
        """Whose fault it is that the registry got other bytes."""
        hashed = hashlib.sha256()
        with open(self._path, "rb") as file:
            while data := file.read(CHUNK):
                hashed.update(data)
        if "sha256:" + hashed.hexdigest() != self._blob.digest:
            os.unlink(self._path)
            raise CorruptError(
                f"blob {self._blob.digest} was damaged on disk, and the registry did not take it",
                hint="push again: it is made again from the layer's files",
            )


class _Neighbours:
    """The repositories of the same registry that may have a layer: it need not be sent."""

    def __init__(self, store: Store, name: Reference) -> None:
        self._store = store
        self._name = name
        self._found: Mapping[str, list[str]] | None = None

    def of(self, digest: str) -> list[str]:
        """`digest` is a layer's own (its diff ID), or that of the blob as which it came."""
        if self._found is None:
            self._found = self._look()
        return self._found.get(digest, [])[:MOST_NEIGHBOURS]

    def _look(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for text, image in self._store.names.digests().items():
            name = from_canonical(text)
            record = self._store.images.get(image)
            if name.domain != self._name.domain or name.path == self._name.path or record is None:
                continue
            with contextlib.suppress(CorruptError, NotFoundError):
                view = Image(self._store, record)
                layers = [layer.digest for layer in view.manifest().layers]
                for digest in {*layers, *view.config.diff_ids}:
                    if name.path not in found.setdefault(digest, []):
                        found[digest].append(name.path)
        return found


def _different(parts: Sequence[Part]) -> list[Part]:
    """Each blob once."""
    return list({part.blob.digest: part for part in parts}.values())
