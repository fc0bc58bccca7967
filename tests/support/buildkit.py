"""BuildKit's buildkitd on a socket of its own, for as long as a test session lasts."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.peers.buildkit import buildkitd
from bench.peers.go_programs import BUILDKIT
from bench.programs import CommandFailed, Daemon, NotHere, environment, output

from support.dockerd import unmount_below
from support.machine import require
from support.wherry import Wherry

# What `docker build` calls it, and what the frontend calls it.
OPTIONS = {
    "--platform": "platform=",
    "--build-arg": "build-arg:",
    "--label": "label:",
    "--target": "target=",
}


class BuildKit:
    """`images` of others are base images by their names."""

    def __init__(self, program: Path, socket: Path, home: Path) -> None:
        self._buildctl = (str(program), "--addr", f"unix://{socket}")
        self._env = environment(home)
        self._images: list[str] = []

    def ready(self) -> str:
        return output(*self._buildctl, "debug", "workers", env=self._env)

    def take(self, wherry: Wherry, name: str, layout: Path) -> None:
        """Make an image of a store a base image."""
        layout.mkdir()
        archive = layout / "image.tar"
        (layout / "Dockerfile").write_text(f"FROM {name}\n")
        wherry("build", "-q", "-o", f"type=oci,dest={archive}", str(layout))
        with tarfile.open(archive) as tar:
            tar.extractall(layout, filter="data")
        archive.unlink()
        digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        self._images += ["--oci-layout", f"{name}={layout}"]
        self._images += ["--opt", f"context:{name}=oci-layout://{name}@{digest}"]

    def run(
        self,
        context: Path,
        dockerfile: Path,
        *args: str,
        archive: Path | None = None,
        opts: Sequence[str] = (),
        kind: str = "docker",
    ) -> subprocess.CompletedProcess[str]:
        """Build with `docker build`'s arguments; what it gives goes into an archive of `kind`."""
        words = ["build", "--progress=plain", "--frontend=dockerfile.v0", "--local", f"context={context}"]
        words += ["--local", f"dockerfile={dockerfile.parent}", "--opt", f"filename={dockerfile.name}"]
        for option, value in zip(args[::2], args[1::2], strict=True):
            words += [
                "--opt",
                OPTIONS[option]
                + (value if "=" in value or option in ("--target", "--platform") else f"{value}="),
            ]
        for opt in opts:
            words += ["--opt", opt]
        if archive is not None:
            words += ["--output", f"type={kind},name=x,dest={archive}"]
        return subprocess.run(
            [*self._buildctl, *words, *self._images],
            env=self._env,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=300,
        )


@functools.cache
def programs() -> Path | None:
    """The folder of buildkitd and buildctl, built once, or None where they cannot be."""
    try:
        return BUILDKIT.folder()
    except NotHere:
        return None


@contextlib.contextmanager
def running_buildkit(folder: Path) -> Iterator[BuildKit]:
    """Start it below `folder` (a short path: sockets have 108 bytes) and end it."""
    found = programs()
    require(found is not None, "needs BuildKit, and go to build it")
    require(shutil.which("runc") is not None, "needs runc on PATH")
    assert found is not None
    folder.mkdir(exist_ok=True)
    socket, disk = folder / "s", folder / "d"
    # Its database waits for the disk at every step; nothing here is to outlive the machine.
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)], check=True)
    daemon = Daemon(buildkitd(found, socket, disk), environment(folder), folder / "log")
    buildkit = BuildKit(found / "buildctl", socket, folder)
    try:
        daemon.wait_until(buildkit.ready)
        yield buildkit
    except CommandFailed as error:
        raise AssertionError((folder / "log").read_text()[-3000:]) from error
    finally:
        daemon.stop()
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)


def own_folder(name: str) -> Path:
    return Path(f"/tmp/wherry-{name}-{os.getpid()}")
