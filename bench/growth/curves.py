"""The curves: what is made for a size, and the command whose cost is measured."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wherry.store import ImageRecord, Store

if TYPE_CHECKING:
    from collections.abc import Callable


class Curve(NamedTuple):
    """`prepare` makes what the command needs below a folder for a size; it returns the words after
    ``wherry --root FOLDER/store``.  With `first` the command is run once before it is measured."""

    name: str
    sizes: tuple[int, ...]
    prepare: Callable[[Path, int], list[str]]
    first: bool


def _context(folder: Path, count: int, dockerfile: str) -> Path:
    context = folder / "context"
    for number in range(count):
        path = context / f"d{number % 100}"
        path.mkdir(parents=True, exist_ok=True)
        path.joinpath(f"f{number}").write_text(f"{number}")
    past = 1_700_000_000
    for path in context.rglob("*"):
        os.utime(path, (past, past))
    context.joinpath("Dockerfile").write_text(dockerfile)
    return context


def _unchanged(folder: Path, count: int) -> list[str]:
    return ["build", "-q", str(_context(folder, count, "FROM scratch\nCOPY . /\n"))]


def _ignored(folder: Path, count: int) -> list[str]:
    context = _context(folder, count, "FROM scratch\nCOPY . /\n")
    lines = [f"**/x{number}*y*z*.tmp" for number in range(50)]
    context.joinpath(".dockerignore").write_text("\n".join([*lines, "!kept", ""]))
    return ["build", "-q", str(context)]


def _env(folder: Path, count: int) -> list[str]:
    lines = [f"ENV V{number}=x{number}\n" for number in range(count)]
    (folder / "context").mkdir()
    (folder / "context/Dockerfile").write_text("".join(["FROM scratch\n", *lines]))
    return ["build", "-q", str(folder / "context")]


def store_of(root: Path, count: int) -> Store:
    """A store with `count` images without layers, ``i0``, ``i1`` and so on."""
    store = Store.open(str(root))
    with store.names.together():
        for number in range(count):
            config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
            image = store.blobs.put(json.dumps(config | {"author": str(number)}).encode())
            manifest = {"config": {"digest": image}, "layers": []}
            record = ImageRecord(image, store.blobs.put(json.dumps(manifest).encode()), number)
            store.images.add(record)
            store.names.set(f"docker.io/library/i{number}:latest", image)
    return store


def _rmi(folder: Path, count: int) -> list[str]:
    store_of(folder / "store", count).database.close()
    return ["rmi", *(f"i{number}" for number in range(count // 5))]


def _images(folder: Path, count: int) -> list[str]:
    store_of(folder / "store", count).database.close()
    return ["images"]


def _load(folder: Path, megabytes: int) -> list[str]:
    """An archive as docker writes it, of one layer: files of a megabyte that cannot be compressed."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for number in range(megabytes):
            _member(tar, f"f{number}", random.Random(number).randbytes(1 << 20))
    data = layer.getvalue()
    digits = hashlib.sha256(data).hexdigest()
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digits}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()
    entry = {"Config": "config.json", "RepoTags": ["loaded:1"], "Layers": [f"blobs/sha256/{digits}"]}
    with tarfile.open(folder / "a.tar", "w") as tar:
        _member(tar, f"blobs/sha256/{digits}", data)
        _member(tar, "config.json", config)
        _member(tar, "manifest.json", json.dumps([entry]).encode())
    return ["load", "-q", "-i", str(folder / "a.tar")]


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _names(folder: Path, count: int) -> list[str]:
    store_of(folder / "store", count).database.close()
    return ["completion", "images"]


def _services(folder: Path, count: int) -> list[str]:
    (folder / "services").mkdir()
    one = "kind: Service\nmetadata: {name: s%d}\nspec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}\n"
    text = "---\n".join(one % number for number in range(count))
    (folder / "services/all.yaml").write_text(text)
    return ["proxy", "render", "--from-dir", str(folder / "services")]


FILES = (400, 1_200, 3_600)
CURVES = (
    Curve("COPY of N files, unchanged", FILES, _unchanged, first=True),
    Curve(
        "the same below 50 patterns with three stars and a `!`",
        FILES,
        _ignored,
        first=True,
    ),
    Curve("N times ENV, cached", (200, 800, 3_200), _env, first=True),
    Curve("`rmi` of every fifth of N images", (100, 300, 900), _rmi, first=False),
    Curve("`images`, N of them", (100, 300, 900), _images, first=True),
    Curve("Tab on names of N images", (500, 1_500, 4_500), _names, first=True),
    Curve("`load` of N MB", (32, 96, 288), _load, first=False),
    Curve("the same, known", (32, 96, 288), _load, first=True),
    Curve("`proxy render` of one file of N Services", (300, 900, 2_700), _services, first=False),
)
