"""PURE: descriptors and image manifests (OCI descriptor.md, manifest.md)."""

from __future__ import annotations

from wherry import jsontext as json
from wherry.errors import CorruptError, UnsupportedError
from wherry.oci.config import load_object
from wherry.oci.digest import is_digest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = LAYER + "+gzip"
LAYER_ZSTD = LAYER + "+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


def layer_type(compression: str, *, oci: bool = True) -> str:
    """The media type of a layer that is compressed with "gzip", "zstd" or "none".

    zstd has no type of Docker's own.
    """
    if compression == "zstd":
        return LAYER_ZSTD
    if compression == "gzip":
        return LAYER_GZIP if oci else DOCKER_LAYER + ".gzip"
    return LAYER if oci else DOCKER_LAYER


def compression_of(media_type: str) -> str:
    """The inverse, for any layer's media type."""
    if media_type.endswith("+zstd"):
        return "zstd"
    return "gzip" if media_type.endswith(("+gzip", ".gzip")) else "none"


class Descriptor(NamedTuple):
    """`size` in bytes; `urls` say where else its bytes are (foreign layers)."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = {}  # noqa: RUF012
    urls: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            value["annotations"] = self.annotations
        if self.urls:
            value["urls"] = list(self.urls)
        return value


class Manifest(NamedTuple):
    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = MANIFEST
    annotations: dict[str, str] = {}  # noqa: RUF012

    def to_json(self) -> bytes:
        value: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
        }
        if self.annotations:
            value["annotations"] = self.annotations
        return json.dumps(value, separators=(",", ":")).encode()


def parse(data: bytes, name: str = "manifest") -> Manifest:
    """Read an image manifest.  Raises CorruptError with the member that is wrong."""
    value = load_object(data, name)
    layers = value.get("layers")
    if not isinstance(layers, list):
        raise CorruptError(f"{name}: layers is not a list")
    return Manifest(
        parse_descriptor(value.get("config"), f"{name}: config"),
        tuple(parse_descriptor(layer, f"{name}: layers[{i}]") for i, layer in enumerate(layers)),
        str(value.get("mediaType") or MANIFEST),
    )


def parse_index(data: bytes, name: str = "index") -> tuple[Descriptor, ...]:
    """The manifests of an image index or layout.  Raises CorruptError."""
    manifests = load_object(data, name).get("manifests")
    if not isinstance(manifests, list):
        raise CorruptError(f"{name}: manifests is not a list")
    return tuple(parse_descriptor(m, f"{name}: manifests[{i}]") for i, m in enumerate(manifests))


def parse_descriptor(value: object, name: str) -> Descriptor:
    if not isinstance(value, dict):
        raise CorruptError(f"{name} is not an object")
    digest, size = value.get("digest"), value.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise CorruptError(f"{name}: {digest!r} is not a sha256 digest")
    if not isinstance(size, int) or not 0 <= size < 1 << 60:
        raise CorruptError(f"{name}: {size!r} is not a size")
    annotations = value.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise CorruptError(f"{name}: annotations is not an object")
    urls = value.get("urls") or ()
    if not isinstance(urls, (list, tuple)):
        raise CorruptError(f"{name}: urls is not a list")
    return Descriptor(
        str(value.get("mediaType", "")),
        digest,
        size,
        {str(k): str(v) for k, v in annotations.items()},
        tuple(map(str, urls)),
    )


def not_distributed(layer: Descriptor) -> UnsupportedError | None:
    """Why whoever has a manifest lacks this layer of it, where its kind says so (Windows' own files)."""
    if not any(word in layer.media_type for word in ("foreign", "nondistributable")):
        return None
    return UnsupportedError(
        f"layer {layer.digest.removeprefix('sha256:')[:12]} is foreign: its bytes are not with its image",
        hint="push the image anew with docker's allow-nondistributable-artifacts",
    )
