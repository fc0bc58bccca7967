"""A small image that needs nothing of the machine, and a store's parts to damage."""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.wherry import Wherry

DOCKERFILE = "FROM scratch\nCOPY one /one\nCOPY two /two\nENV A=1\n"


def build_two_layers(wherry: Wherry, folder: Path, name: str = "img") -> str:
    """Build an image whose two layers hold one file each; its id."""
    folder.mkdir(exist_ok=True)
    for file in ("one", "two"):
        (folder / file).write_text(file * 1000)
        (folder / file).chmod(0o644)
        os.utime(folder / file, (1_000_000_000, 1_000_000_000))  # made again, a layer is the same
    return wherry.build(folder, DOCKERFILE, "-t", name)


def diff_ids(wherry: Wherry, name: str = "img") -> list[str]:
    return list(json.loads(wherry("inspect", name))[0]["RootFS"]["Layers"])


def tree(wherry: Wherry, diff_id: str) -> Path:
    return wherry.root / "layers" / diff_id.removeprefix("sha256:")


def blob(wherry: Wherry, digest: str) -> Path:
    return wherry.root / "blobs/sha256" / digest.removeprefix("sha256:")


def flip(path: Path) -> bytes:
    """Change one bit in the middle of a file; its bytes before."""
    good = path.read_bytes()
    middle = len(good) // 2
    path.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
    return good
