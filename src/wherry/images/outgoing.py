"""What leaves when an image does: its manifest, and the blobs that this names."""

from __future__ import annotations

import json

from wherry.errors import NotFoundError
from wherry.images.attestations import as_attached, moved, of_index
from wherry.images.packing import manifest_of, pack_layers
from wherry.oci.digest import digest_of
from wherry.oci.manifest import INDEX, Descriptor
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.images.packing import Packing, Part
    from wherry.images.view import Image
    from wherry.oci.attestation import Attached
    from wherry.store import Store


class Outgoing(NamedTuple):
    """`data` are the manifest's bytes."""

    media_type: str
    data: bytes
    parts: tuple[Part, ...]
    config: Descriptor


def outgoing(
    store: Store, image: Image, packing: Packing, elsewhere: Callable[[Descriptor], bool]
) -> Outgoing:
    """An image as it leaves: with the manifest that it came with, where its blobs are those.

    Arguments and errors are pack_layers()'s; blobs that are there are taken to be right.
    """
    known = image.manifest()
    packing = packing._replace(plain_too=_came_from_registry(image))
    parts = pack_layers(store, image, packing, verify=False, elsewhere=elsewhere)
    if [part.blob.digest for part in parts] == [layer.digest for layer in known.layers]:
        return Outgoing(known.media_type, store.blobs.read(image.record.manifest), parts, known.config)
    manifest = manifest_of(store, image, parts, packing)
    return Outgoing(manifest.media_type, manifest.to_json(), parts, manifest.config)


def _came_from_registry(image: Image) -> bool:
    """Whether a registry has the image by this very manifest.  One of an archive whose layers are plain is
    known to nobody: it leaves compressed."""
    from wherry.images.index import readable_members

    manifest = image.record.manifest
    digests = {name.rpartition("@")[2] for name in image.store.names.digests_of(image.id)}
    return manifest in digests or any(
        member.manifest == manifest
        for digest in digests
        for member in readable_members(image.store, digest)
    )


def outgoing_index(
    store: Store,
    digest: str,
    leave: Callable[[Image], tuple[str, bytes]],
    attach: Callable[[Attached], object],
    is_there: Callable[[str], bool],
) -> tuple[str, bytes]:
    """An index as it leaves: its media type and bytes.

    `leave` lets each of its images leave, and gives its manifest's media type and bytes: where these are
    others than they were here, so is the index, and what is attested of them is said of those.  `attach`
    lets an attestation leave, after the images.  Raises NotFoundError, unless `is_there`, for a manifest
    that is not here.
    """
    from wherry.images.index import images

    data = store.blobs.read(digest)
    value: dict[str, Any] = json.loads(data)
    here = {image.record.manifest: image for image in images(store, digest)}
    attested = {attached: image for image, attached in of_index(store, digest)}
    left: dict[str, Descriptor] = {}
    changed = False
    for entry in value["manifests"]:
        image = here.get(entry["digest"])
        if image is None:
            if entry["digest"] in attested:
                continue
            if not is_there(entry["digest"]):
                raise NotFoundError(
                    f"manifest {entry['digest'][7:19]} of the index is neither here nor where it goes to",
                    hint="wherry copy moves a whole index from one registry to another",
                )
            continue
        media_type, manifest = leave(image)
        if digest_of(manifest) != entry["digest"]:
            new = Descriptor(media_type, digest_of(manifest), len(manifest))
            left[entry["digest"]] = new
            entry.update(digest=new.digest, size=new.size, mediaType=new.media_type)
            changed = True
    for number, entry in enumerate(value["manifests"]):
        subject = attested.get(entry["digest"])
        if subject is None:
            continue
        if subject in left:
            attached = moved(store, entry["digest"], left[subject])
            value["manifests"][number] = attached.entry(left[subject].digest)
        else:
            attached = as_attached(store, entry["digest"])
        attach(attached)
    if changed:
        data = json.dumps(value, separators=(",", ":")).encode()
    return str(value.get("mediaType") or INDEX), data
