"""PURE: names in an OCI image layout (image-layout.md), and the annotations of containerd and docker."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.oci.manifest import Descriptor
    from wherry.oci.reference import Reference

VERSION = b'{"imageLayoutVersion":"1.0.0"}'
IMAGE_NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"
CREATED = "org.opencontainers.image.created"


def blob_path(digest: str) -> str:
    """Where a layout has a blob."""
    return "blobs/sha256/" + digest.removeprefix("sha256:")


def name_notes(name: Reference) -> dict[str, str]:
    """The annotations of an image that has a name."""
    canonical = name.canonical()
    return {IMAGE_NAME: canonical, REF_NAME: name.tag or canonical}


def docker_entry(config: str, names: Sequence[Reference], layers: Sequence[Descriptor]) -> dict[str, Any]:
    """What manifest.json, which docker reads, says of an image."""
    return {
        "Config": blob_path(config),
        "RepoTags": [name.familiar() for name in names] or None,
        "Layers": [blob_path(layer.digest) for layer in layers],
    }
