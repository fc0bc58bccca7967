"""What an image in an archive or a layout holds, read without wherry."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import zstandard


class Contents(NamedTuple):
    """Digests of the configuration and of each layer's plain bytes; of the manifest where there is one."""

    config: str
    layers: tuple[str, ...]
    manifest: str = ""


def contents(place: str) -> Contents:
    """Of the only image of ``docker-archive:FILE``, ``oci-archive:FILE``, ``oci:DIR``."""
    kind, path = place.split(":")[:2]
    if kind == "oci":
        return of_layout(Path(path))
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as tar:
        tar.extractall(folder, filter="data")
        return of_docker(Path(folder)) if kind == "docker-archive" else of_layout(Path(folder))


def of_docker(folder: Path) -> Contents:
    (entry,) = json.loads((folder / "manifest.json").read_text())
    config = (folder / entry["Config"]).read_bytes()
    return _checked(config, [(folder / name).read_bytes() for name in entry["Layers"]])


def of_layout(folder: Path) -> Contents:
    """Of the image, or of the one image of the only index."""
    value: dict[str, Any] = json.loads((folder / "index.json").read_text())
    while "manifests" in value:
        (entry,) = value["manifests"]
        value = json.loads(_blob(folder, entry["digest"]))
    layers = [_blob(folder, layer["digest"]) for layer in value["layers"]]
    return _checked(_blob(folder, value["config"]["digest"]), layers, entry["digest"])


def _checked(config: bytes, blobs: list[bytes], manifest: str = "") -> Contents:
    """Every layer has the digest that the configuration promises."""
    layers = tuple(digest(plain(blob)) for blob in blobs)
    assert list(layers) == json.loads(config)["rootfs"]["diff_ids"]
    return Contents(digest(config), layers, manifest)


def _blob(folder: Path, name: str) -> bytes:
    data = (folder / "blobs" / name.replace(":", "/")).read_bytes()
    assert digest(data) == name
    return data


def plain(blob: bytes) -> bytes:
    """The bytes of a layer, however it is compressed."""
    if blob.startswith(b"\x1f\x8b"):
        return gzip.decompress(blob)
    if blob.startswith(b"\x28\xb5\x2f\xfd"):
        with zstandard.ZstdDecompressor().stream_reader(blob, read_across_frames=True) as reader:
            return reader.read()
    return blob


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def raw_manifest(name: str) -> bytes:
    """The manifest that a registry has, byte for byte."""
    host, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    connection = http.client.HTTPConnection(host)
    kinds = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]  # fmt: skip
    headers = {"Accept": ", ".join(kinds)}
    connection.request("GET", f"/v2/{repository}/manifests/{tag}", headers=headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    assert answer.status == 200, data
    return data
