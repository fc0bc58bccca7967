"""An image of a place in the JSON shape of ``docker inspect``; its layers are not read."""

from __future__ import annotations

import json

from wherry.errors import CorruptError, UnsupportedError
from wherry.images.attestations import LARGEST
from wherry.images.inspect import described
from wherry.oci import attestation
from wherry.oci import config as oci_config
from wherry.oci import manifest as oci
from wherry.oci.config import LARGEST_CONFIG
from wherry.oci.digest import digest_of
from wherry.registry.choice import entries
from wherry.registry.pull import image_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.copying.image import From
    from wherry.oci.manifest import Descriptor
    from wherry.oci.platform import Platform
    from wherry.oci.reference import Reference

CHUNK = 1 << 18
TRIES = 3


def inspect(
    source: From, reference: str, name: Reference | None, platform: Platform | None, *, attestations: bool
) -> dict[str, Any]:
    """Of an index the image for `platform` (this machine's where none is given); ``Platforms`` are all.

    `name` is what a registry's image is called.  With
    `attestations` what is attested of it is read, too.  ``Size`` are the bytes of its blobs, as they come.
    Raises RegistryError, NotFoundError, CorruptError, UnsupportedError.
    """
    top = source.manifest(reference)
    found = image_of(top, [source], platform, source.name)
    manifest = oci.parse(found.data, f"manifest of {source.name}")
    if manifest.config.media_type not in (oci.CONFIG, oci.DOCKER_CONFIG):
        raise UnsupportedError(
            f"{source.name} is an artifact, not an image ({manifest.config.media_type})",
            hint="wherry manifest inspect shows it",
        )
    config = oci_config.parse(document(source, manifest.config), f"config of {source.name}")
    tags = [name.familiar()] if name and name.tag and not name.digest else []
    digests = [name._replace(tag="", digest=top.digest).familiar()] if name else []
    size = sum(layer.size for layer in manifest.layers)
    value = described(manifest.config.digest, config, tags, digests, size)
    value["Descriptor"] = {"mediaType": top.media_type, "digest": top.digest, "size": len(top.data)}
    value["Layers"] = [layer.to_json() for layer in manifest.layers]
    if top is not found:
        listed = [entry.platform for entry in entries(top.data, source.name)]
        value["Platforms"] = [str(each) for each in listed if each is not None and each.os != "unknown"]
    if top is not found and attestations:
        value |= attestation.shown(_statements(source, top.data, found.digest), predicates=True)
    return value


def _statements(source: From, index: bytes, image: str) -> dict[str, bytes]:
    """What an index attests of an image, by digests."""
    about = [e for e in json.loads(index)["manifests"] if attestation.subject_of(e) == image]
    parts = [part for e in about for part in attestation.parts(source.manifest(str(e["digest"])).data)]
    return {part.digest: document(source, part, LARGEST) for part in parts}


def document(source: From, blob: Descriptor, most: int = LARGEST_CONFIG) -> bytes:
    """A blob that is a document, verified.  Raises CorruptError, RegistryError."""
    if blob.size > most:
        raise CorruptError(f"{source.name}: {blob.digest} has {blob.size} bytes")
    import urllib3

    for attempt in range(TRIES):
        try:
            data = _all(source, blob)
            break
        except urllib3.exceptions.HTTPError as error:
            if attempt == TRIES - 1:
                raise source.failure(error) from None
    if digest_of(data) != blob.digest:
        raise CorruptError(f"{source.name}: blob {blob.digest} came with other bytes")
    return data


def _all(source: From, blob: Descriptor) -> bytes:
    body, _ = source.blob(blob.digest)
    data = b""
    try:
        while len(data) <= blob.size and (piece := body.piece(CHUNK)):
            data += piece
    finally:
        body.close()
    return data
