"""Images of a few files, made here, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

from wherry.layers.view import View
from wherry.oci.config import ImageConfig
from wherry.slim.closure import Kept
from wherry.slim.static import Wish, static_closure

NOTHING = Wish()


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def closure(tree: Path, *argv: str, wish: Wish = NOTHING, **config: object) -> Kept:
    value = {"Cmd": list(argv), "Env": ["PATH=/bin:/usr/bin"], **config}
    return static_closure(View([str(tree)]), ImageConfig("amd64", "linux", value), wish)


def files(kept: Kept) -> set[str]:
    return {name for name, node in kept.nodes.items() if not node.is_folder}
