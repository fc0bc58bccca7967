"""Debian's docker.io: dockerd on a private socket, without a bridge and without firewall rules.

That of sid keeps images in containerd's store, as new installations do.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

from bench.peers import Peer
from bench.programs import Command, Daemon, NotHere, environment, output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.images import BaseImage

# Debian's client belongs to Debian's daemon; another one on PATH may be years away from it.
DEBIAN_CLIENT = "/usr/bin/docker"


class Docker(Peer):
    key = "docker"
    title = "docker"
    moves = True

    def __init__(self, home: Path, before: tuple[str, ...] = ()) -> None:
        """`before` is what sid's command lines begin with, () for this machine's docker."""
        self._env = environment(home)
        self._before = before
        self._daemon: Daemon | None = None
        self._docker: tuple[str, ...] = ()

    def require(self) -> None:
        if not self._before and shutil.which("dockerd") is None:
            raise NotHere("dockerd (apt-get install docker.io)")

    def start(self, disk: Path, scratch: Path) -> None:
        known = self._before or os.path.exists(DEBIAN_CLIENT)
        client = DEBIAN_CLIENT if known else shutil.which("docker")
        if client is None:
            raise NotHere("the docker client (apt-get install docker.io)")
        socket = f"unix://{scratch / 'docker.sock'}"
        self._docker = (*self._before, client, "-H", socket)
        options = {"--data-root": disk / "data", "--exec-root": disk / "exec", "-p": scratch / "docker.pid"}
        words = [str(word) for pair in options.items() for word in pair]
        if self._before:
            words += ["--feature", "containerd-snapshotter=true"]
        self._daemon = Daemon(
            [*self._before, "dockerd", *words, "-H", socket, "--bridge=none", "--iptables=false"],
            self._env,
            scratch / "dockerd.log",
        )
        self._daemon.wait_until(self.version)
        self.title = f"docker {self.version()}"

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()

    def version(self) -> str:
        said = output(*self._docker, "version", "--format", "{{.Server.Version}}", env=self._env)
        return said.partition("+")[0]

    def load(self, image: BaseImage) -> None:
        output(*self._docker, "load", "-i", str(image.archive), env=self._env)

    def build(self, context: Path, dockerfile: Path, args: Mapping[str, str] | None = None) -> Command:
        given = [f"--build-arg={name}={value}" for name, value in (args or {}).items()]
        words = ("build", "--network=host", "-t", "bench-result", "-f", str(dockerfile))
        return Command((*self._docker, *words, *given, str(context)), self._env)

    def run(self, image: str, *words: str) -> Command:
        return Command((*self._docker, "run", "--rm", "--network=host", image, *words), self._env)

    def pull(self, name: str) -> Command:
        return Command((*self._docker, "pull", "-q", name), self._env)

    def push(self, name: str) -> Command:
        return Command((*self._docker, "push", "-q", name), self._env)

    def save(self, image: str, archive: Path) -> Command:
        return Command((*self._docker, "save", "-o", str(archive), image), self._env)

    def load_archive(self, archive: Path) -> None:
        output(*self._docker, "load", "-i", str(archive), env=self._env)

    def tag(self, image: str, name: str) -> None:
        output(*self._docker, "tag", image, name, env=self._env)

    def forget(self, *names: str) -> None:
        for name in names:
            if output(*self._docker, "images", "-q", name, env=self._env):
                output(*self._docker, "rmi", "-f", name, env=self._env)

    def cached(self, output: str) -> int:
        return len(re.findall(r"^ ---> Using cache$|^#\d+ CACHED$", output, re.MULTILINE))
