"""Programs in trees of layers: put there, or compiled there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def place(tree: Path, source: str | Path, name: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, tree / name)


def compile_(target: Path, text: str, *flags: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-x", "c", "-", "-o", target, *flags], input=text.encode(), check=True)
    return target
