"""The demo's base images, made once for all live tests; a dockerd."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.checkout import ROOT
from support.dockerd import Dockerd, running_dockerd
from support.wherry import Wherry


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Wherry, str]:
    """A store after ``make demo``, and what the demo printed."""
    root = tmp_path_factory.mktemp("demo") / "store"
    done = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env={**os.environ, "WHERRY_ROOT": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return Wherry(root), done.stdout


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own is not; its name is short."""
    with tempfile.TemporaryDirectory(prefix="wl") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def base_images(demo_store: tuple[Wherry, str], open_folder: Path) -> Path:
    """The archive of the images that the demo starts from."""
    archive = open_folder / "bases.tar"
    demo_store[0]("save", "-o", str(archive), "debian:bookworm", "small")
    archive.chmod(0o644)
    return archive


@pytest.fixture(scope="session")
def dockerd(open_folder: Path) -> Iterator[Dockerd]:
    with running_dockerd(open_folder / "dk") as docker:
        yield docker
