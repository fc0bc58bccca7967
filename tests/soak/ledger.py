"""A store's records and folders as they lie on the disk, read without a line of wherry's."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, NamedTuple


class Container(NamedTuple):
    id: str
    status: str
    config: dict[str, Any]


class Ledger(NamedTuple):
    """The rows of wherry.db."""

    names: dict[str, str]
    images: dict[str, str]
    layers: set[str]
    layer_blobs: set[str]
    cached: set[str]
    containers: dict[str, Container]


def read_ledger(root: Path) -> Ledger:
    """Of a copy of the database, so that reading it changes nothing.  Raises sqlite3.Error."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("wherry.db", "wherry.db-wal"):
            if (root / name).exists():
                shutil.copy(root / name, folder)
        database = sqlite3.connect(f"{folder}/wherry.db")
        try:
            return _read(database)
        finally:
            database.close()


def _read(database: sqlite3.Connection) -> Ledger:
    def rows(columns: str, table: str) -> list[Any]:
        return database.execute(f"SELECT {columns} FROM {table}").fetchall()

    return Ledger(
        {_short(name): image for name, image in rows("name, image", "names") if "@" not in name},
        dict(rows("id, manifest", "images")),
        {row[0] for row in rows("diff_id", "layers")},
        {row[0] for row in rows("digest", "layer_blobs")},
        {row[0] for row in rows("value", "cache")},
        {
            name: Container(number, status, json.loads(config))
            for name, number, status, config in rows("name, id, status, config", "containers")
        },
    )


def _short(name: str) -> str:
    return name.removeprefix("docker.io/library/").removesuffix(":latest")


class Referred(NamedTuple):
    """What images and containers refer to, as hexadecimal digests.

    `packed` are the blobs of layers: those of layers built here are made when something needs them.
    """

    layers: set[str]
    blobs: set[str]
    packed: set[str]


def referred(root: Path, ledger: Ledger) -> Referred:
    """Raises OSError, ValueError where a blob that must be there is not, or is no JSON."""
    layers: set[str] = set()
    blobs = set(ledger.names.values())
    packed = set(ledger.layer_blobs)
    for image, manifest in ledger.images.items():
        blobs |= {image, manifest}
        layers.update(_json(root, image)["rootfs"]["diff_ids"])
        packed.update(layer["digest"] for layer in _json(root, manifest)["layers"])
    for container in ledger.containers.values():
        layers.update(container.config.get("layers", ()))
    return Referred(_hex(layers), _hex(blobs), _hex(packed))


def _json(root: Path, digest: str) -> Any:
    return json.loads((root / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes())


def _hex(digests: set[str]) -> set[str]:
    return {digest.removeprefix("sha256:") for digest in digests}
