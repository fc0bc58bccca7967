"""BuildKit through buildctl.  Its base images are OCI layouts, given as named contexts.

Its result stays in its cache: nothing is exported, which is the least that it can be asked to do.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from bench.peers import Peer
from bench.peers.go_programs import BUILDKIT
from bench.programs import Command, Daemon, NotHere, environment, output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.images import BaseImage


def buildkitd(programs: Path, socket: Path, root: Path) -> list[str]:
    """The command of a daemon that shares no path with another one on this machine."""
    return [
        str(programs / "buildkitd"),
        f"--addr=unix://{socket}",
        # By default it is one socket for the whole machine, and the second daemon does not start.
        f"--otel-socket-path={socket}.traces",
        f"--root={root}",
        "--oci-worker-binary=runc",
        "--oci-worker-net=host",
        # Its collector would remove what a later round needs; nobody else's runs either.
        "--oci-worker-gc=false",
    ]


class BuildKit(Peer):
    key = "buildkit"
    title = f"BuildKit {BUILDKIT.version.removeprefix('v')}"
    runs = False

    def __init__(self, home: Path) -> None:
        self._env = environment(home)
        self._daemon: Daemon | None = None
        self._programs: Path | None = None
        self._buildctl: tuple[str, ...] = ()
        self._images: list[str] = []

    def require(self) -> None:
        if shutil.which("runc") is None:
            raise NotHere("runc, which BuildKit needs (apt-get install runc)")
        self._programs = BUILDKIT.folder()

    def start(self, disk: Path, scratch: Path) -> None:
        assert self._programs is not None
        socket = scratch / "buildkit.sock"
        self._buildctl = (str(self._programs / "buildctl"), "--addr", f"unix://{socket}")
        words = buildkitd(self._programs, socket, disk / "root")
        self._daemon = Daemon(words, self._env, scratch / "buildkitd.log")
        self._daemon.wait_until(lambda: output(*self._buildctl, "debug", "workers", env=self._env))

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()

    def version(self) -> str:
        return BUILDKIT.version.removeprefix("v")

    def load(self, image: BaseImage) -> None:
        self._images += ["--oci-layout", f"{image.name}={image.layout}"]
        self._images += ["--opt", f"context:{image.name}=oci-layout://{image.name}@{image.digest}"]

    def build(self, context: Path, dockerfile: Path, args: Mapping[str, str] | None = None) -> Command:
        words = ["build", "--progress=plain", "--frontend=dockerfile.v0", "--local", f"context={context}"]
        words += ["--local", f"dockerfile={dockerfile.parent}", "--opt", f"filename={dockerfile.name}"]
        for name, value in (args or {}).items():
            words += ["--opt", f"build-arg:{name}={value}"]
        return Command((*self._buildctl, *words, *self._images), self._env)

    def cached(self, output: str) -> int:
        return len(re.findall(r"^#\d+ CACHED$", output, re.MULTILINE))
