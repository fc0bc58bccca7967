"""podman, where it is installed: for ``run --rm`` only."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.peers import Peer
from bench.programs import Command, NotHere, environment, output

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images import BaseImage


class Podman(Peer):
    key = "podman"
    title = "podman"
    optional = True
    builds = False

    def __init__(self, home: Path) -> None:
        self._env = environment(home)
        self._podman: tuple[str, ...] = ("podman",)

    def require(self) -> None:
        if shutil.which("podman") is None:
            raise NotHere("podman")
        self.title = f"podman {self.version()}"

    def start(self, disk: Path, scratch: Path) -> None:
        # The runtime is runc for all; without systemd the cgroups are made by hand.
        places = (f"--root={disk / 'root'}", f"--runroot={scratch / 'podman'}")
        self._podman = ("podman", *places, "--runtime=runc", "--cgroup-manager=cgroupfs")

    def version(self) -> str:
        return output("podman", "--version", env=self._env).split()[-1]

    def load(self, image: BaseImage) -> None:
        output(*self._podman, "load", "-i", str(image.archive), env=self._env)

    def run(self, image: str, *words: str) -> Command:
        return Command((*self._podman, "run", "--rm", "--network=host", image, *words), self._env)
