"""What is attested of the store's images: blobs that an image's index leads to."""

from __future__ import annotations

from wherry.errors import CorruptError, NotFoundError
from wherry.oci import attestation
from wherry.oci.config import load_object
from wherry.oci.digest import digest_of
from wherry.oci.manifest import Descriptor, parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.oci.attestation import Attached
    from wherry.store import Store

LARGEST = 1 << 26
"""Bytes of a statement that is read: an SBOM of 100,000 packages."""


def keep(store: Store, attached: Attached) -> None:
    """Put an attestation manifest and what it leads to into the store, for an index that leads to it."""
    for data in (*attached.blobs.values(), attached.manifest):
        store.blobs.put(data)


def of_index(store: Store, digest: str) -> Iterator[tuple[str, str]]:
    """(image, attestation): the digests of manifests, of all attestations in an index that are here."""
    if not store.blobs.has(digest):
        return
    value = load_object(store.blobs.read(digest), f"index {digest[:19]}")
    for entry in value.get("manifests") or ():
        subject = attestation.subject_of(entry)
        if subject and store.blobs.has(str(entry.get("digest"))):
            yield subject, entry["digest"]


def statements(store: Store, manifest: str) -> list[bytes]:
    """Those of an attestation manifest.  Raises NotFoundError, CorruptError."""
    found = attestation.parts(store.blobs.read(manifest))
    if any(part.size > LARGEST for part in found):
        raise CorruptError(f"an attestation has more than {LARGEST} bytes")
    return [store.blobs.read(part.digest) for part in found]


def of_image(store: Store, manifest: str) -> dict[str, bytes]:
    """The statements about an image by their digests; `manifest` is that of its manifest.

    What is damaged is passed over.
    """
    found: dict[str, bytes] = {}
    for target in dict.fromkeys(store.names.all().values()):
        if store.images.get(target) is not None:
            continue
        try:
            about = [digest for subject, digest in of_index(store, target) if subject == manifest]
            for data in (each for digest in about for each in statements(store, digest)):
                found[digest_of(data)] = data
        except (CorruptError, NotFoundError):
            continue
    return found


def moved(store: Store, manifest: str, image: Descriptor) -> Attached:
    """An attestation of the store for an image that leaves under another manifest, `image`."""
    return attestation.moved(statements(store, manifest), image)


def as_attached(store: Store, manifest: str) -> Attached:
    """An attestation of the store as it is, byte for byte.  Raises NotFoundError, CorruptError."""
    data = store.blobs.read(manifest)
    value = parse(data, "attestation manifest")
    digests = [value.config.digest, *(part.digest for part in attestation.parts(data))]
    descriptor = Descriptor(value.media_type, manifest, len(data))
    return attestation.Attached(descriptor, data, {digest: store.blobs.read(digest) for digest in digests})
