"""The base images, made here from Debian's static busybox: no registry, the same bytes for each builder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

from bench.programs import NotHere, output

BUSYBOX = "/bin/busybox"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


class BaseImage(NamedTuple):
    """One image twice: `archive` for ``docker load``, `layout` as an OCI image layout with `digest`."""

    name: str
    archive: Path
    layout: Path
    digest: str


def make_images(folder: Path) -> tuple[BaseImage, ...]:
    """`bench-builder` stands for the compiler's image, with `cp` as the compiler; `bench-small` for the
    image of what runs.  Raises NotHere without a static busybox.
    """
    if not os.path.exists(BUSYBOX):
        raise NotHere("busybox-static: no base image can be made")
    compiler = {"usr/local/share/toolchain": b"cp\n"}
    return _make(folder, "bench-builder", compiler), _make(folder, "bench-small", {})


def make_layers(archive: Path, name: str, *, layers: int, files: int, size: int) -> Path:
    """Write a docker-archive of an image whose layers hold `files` files each, together `size` bytes, half
    of which cannot be compressed.  The same bytes each time."""
    source = random.Random(name)
    inner: list[str] = []
    digests: list[str] = []
    with tarfile.open(archive, "w") as tar:
        for number in range(layers):
            path = archive.with_suffix(f".{number}")
            digests.append(_write_layer(path, source, number, files, size // files))
            inner.append(f"layer{number}.tar")
            tar.add(path, inner[-1])
            path.unlink()
        config = _json(
            {
                "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
                "os": "linux",
                "created": "2026-01-01T00:00:00Z",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": digests},
            }
        )
        called = hashlib.sha256(config).hexdigest() + ".json"
        manifest = _json([{"Config": called, "RepoTags": [f"{name}:latest"], "Layers": inner}])
        _add(tar, called, config, 0o644)
        _add(tar, "manifest.json", manifest, 0o644)
    return archive


def _write_layer(path: Path, source: random.Random, number: int, files: int, size: int) -> str:
    """A layer's tar; its digest."""
    line = b"".join(source.randbytes(6) + b" " for _ in range(500))
    with tarfile.open(path, "w") as tar:
        for place in range(files):
            half = (line * (size // 2 // len(line) + 1))[: size // 2]
            _add(
                tar,
                f"layer{number}/{place // 100}/{place}",
                half + source.randbytes(size - size // 2),
                0o644,
            )
    hashed = hashlib.sha256()
    with path.open("rb") as data:
        while piece := data.read(1 << 20):
            hashed.update(piece)
    return "sha256:" + hashed.hexdigest()


def _make(folder: Path, name: str, files: dict[str, bytes]) -> BaseImage:
    layer = _root(files)
    config = _json(
        {
            "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "busybox"}],
        }
    )
    archive = folder / f"{name}.tar"
    _write_archive(archive, name, config, layer)
    layout = folder / f"{name}.oci"
    return BaseImage(name, archive, layout, _write_layout(layout, name, config, layer))


def _root(files: dict[str, bytes]) -> bytes:
    """The tar of a root file system of two megabytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("bin", "etc", "root", "tmp", "usr", "usr/local", "usr/local/share"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        _add(tar, "bin/busybox", Path(BUSYBOX).read_bytes(), 0o755)
        for applet in sorted(set(output(BUSYBOX, "--list").split()) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
        _add(tar, "etc/group", b"root:x:0:\n", 0o644)
        for name, content in files.items():
            _add(tar, name, content, 0o644)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    file = tarfile.TarInfo(name)
    file.size, file.mode = len(content), mode
    tar.addfile(file, io.BytesIO(content))


def _write_archive(path: Path, name: str, config: bytes, layer: bytes) -> None:
    """What ``docker save`` writes (moby, image/spec/v1.2.md)."""
    inner = hashlib.sha256(config).hexdigest() + ".json"
    manifest = _json([{"Config": inner, "RepoTags": [f"{name}:latest"], "Layers": ["layer.tar"]}])
    with tarfile.open(path, "w") as tar:
        for member, content in ((inner, config), ("layer.tar", layer), ("manifest.json", manifest)):
            _add(tar, member, content, 0o644)


def _write_layout(folder: Path, name: str, config: bytes, layer: bytes) -> str:
    """An OCI image layout (image-spec, image-layout.md).  The digest of its manifest."""
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(LAYER_TYPE, layer)],
        }
    )
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    for content in (config, layer, manifest):
        (blobs / hashlib.sha256(content).hexdigest()).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entry = _descriptor(MANIFEST_TYPE, manifest)
    entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}
    (folder / "index.json").write_bytes(_json(index))
    return _digest(manifest)


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
