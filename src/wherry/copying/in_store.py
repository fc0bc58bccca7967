"""The store as a place to copy from and to."""

from __future__ import annotations

import io

from wherry.copying.layout import OpenFile
from wherry.images.lookup import named
from wherry.images.outgoing import outgoing, outgoing_index
from wherry.images.packing import Packing
from wherry.images.view import Image
from wherry.oci.digest import digest_of
from wherry.registry.repository import Fetched
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from wherry.copying.image import From
    from wherry.oci.attestation import Attached
    from wherry.oci.platform import Platform
    from wherry.registry.progress import Progress
    from wherry.store import Store


class InStore:
    """Images of the store, with manifests that name blobs which are there.

    A layer that was made here is compressed when its image's manifest is asked for.
    """

    def __init__(self, store: Store, packing: Packing) -> None:
        self.name = "the store"
        self._store = store
        self._packing = packing
        self._made: dict[str, Fetched] = {}
        self._blobs: dict[str, bytes] = {}

    def manifest(self, reference: str) -> Fetched:
        """By what people call an image, or by a digest that another manifest names."""
        if reference in self._made:
            return self._made[reference]
        target = named(self._store, reference)
        record = self._store.images.get(target)
        if record is not None:
            return self._keep(*self._image(Image(self._store, record)))

        def leave(image: Image) -> tuple[str, bytes]:
            found = self._keep(*self._image(image))
            return found.media_type, found.data

        return self._keep(*outgoing_index(self._store, target, leave, self._attach, lambda digest: False))

    def _attach(self, attached: Attached) -> None:
        self._blobs.update(attached.blobs)
        self._keep(attached.descriptor.media_type, attached.manifest)

    def _image(self, image: Image) -> tuple[str, bytes]:
        out = outgoing(self._store, image, self._packing, lambda blob: False)
        return out.media_type, out.data

    def _keep(self, media_type: str, data: bytes) -> Fetched:
        found = Fetched(media_type, digest_of(data), data)
        self._made[found.digest] = found
        return found

    def holds(self, digest: str) -> bool:
        return digest in self._blobs or self._store.blobs.has(digest)

    def blob(self, digest: str, start: int = 0, end: int | None = None) -> tuple[OpenFile, int]:
        if digest in self._blobs:
            file: IO[bytes] = io.BytesIO(self._blobs[digest])
        else:
            file = open(self._store.blobs.path(digest), "rb")  # noqa: SIM115
        file.seek(start)
        return OpenFile(file), start

    def failure(self, error: Exception) -> Exception:
        return error

    def attached(self, digest: str) -> list[str]:
        """The store keeps nothing that is attached to images."""
        return []


def copy_to_store(
    store: Store, source: From, reference: str, name: str, platform: Platform | None, progress: Progress
) -> str:
    """Let `name` stand for an image of a place, as pull() does.  Its manifest's digest.

    Of an index it is the image for `platform` (this machine's where none is given).
    """
    from wherry.oci.reference import parse
    from wherry.registry.pull import Resolved, fetch, image_of

    called = parse(name)
    top = source.manifest(reference)
    found = image_of(top, [source], platform, source.name)
    index = b"" if found is top else top.data
    return fetch(store, Resolved(called, top.digest, found, [source], index), progress).digest
