"""podman, where it is installed: it runs containers and moves images."""

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
    moves = True

    def __init__(self, home: Path, before: tuple[str, ...] = ()) -> None:
        """`before` is what sid's command lines begin with, () for this machine's podman."""
        self._env = environment(home)
        self._before = before
        self._podman: tuple[str, ...] = (*before, "podman")

    def require(self) -> None:
        if not self._before and shutil.which("podman") is None:
            raise NotHere("podman")
        self.title = f"podman {self.version()}"

    def start(self, disk: Path, scratch: Path) -> None:
        # The runtime is runc for all; without systemd the cgroups are made by hand.
        places = (f"--root={disk / 'root'}", f"--runroot={scratch / 'podman'}")
        self._podman = (*self._before, "podman", *places, "--runtime=runc", "--cgroup-manager=cgroupfs")

    def version(self) -> str:
        return output(*self._before, "podman", "--version", env=self._env).split()[-1]

    def load(self, image: BaseImage) -> None:
        output(*self._podman, "load", "-i", str(image.archive), env=self._env)

    def run(self, image: str, *words: str) -> Command:
        return Command((*self._podman, "run", "--rm", "--network=host", image, *words), self._env)

    def pull(self, name: str) -> Command:
        return Command((*self._podman, "pull", "-q", "--tls-verify=false", name), self._env)

    def push(self, name: str) -> Command:
        return Command((*self._podman, "push", "-q", "--tls-verify=false", name), self._env)

    def save(self, image: str, archive: Path) -> Command:
        return Command((*self._podman, "save", "-q", "-o", str(archive), image), self._env)

    def load_archive(self, archive: Path) -> None:
        output(*self._podman, "load", "-i", str(archive), env=self._env)

    def tag(self, image: str, name: str) -> None:
        output(*self._podman, "tag", image, name, env=self._env)

    def forget(self, *names: str) -> None:
        for name in names:
            if output(*self._podman, "images", "-q", name, env=self._env):
                output(*self._podman, "rmi", "-f", name, env=self._env)
