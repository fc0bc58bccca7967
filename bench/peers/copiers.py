"""Programs that copy images from one registry to another, and do nothing else here."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.peers import Peer
from bench.peers.go_programs import CRANE
from bench.programs import Command, NotHere, environment, output

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images import BaseImage


class Copier(Peer):
    optional = True
    builds = False
    runs = False
    copies = True

    def __init__(self, home: Path) -> None:
        self._env = environment(home)

    def start(self, disk: Path, scratch: Path) -> None:
        """It keeps nothing."""

    def load(self, image: BaseImage) -> None:
        """It knows no images."""


class Skopeo(Copier):
    key = "skopeo"
    title = "skopeo"

    def __init__(self, home: Path, before: tuple[str, ...] = ()) -> None:
        """`before` is what sid's command lines begin with, () for this machine's skopeo."""
        super().__init__(home)
        self._skopeo = (*before, "skopeo")

    def require(self) -> None:
        if len(self._skopeo) == 1 and shutil.which("skopeo") is None:
            raise NotHere("skopeo")
        self.title = f"skopeo {self.version()}"

    def version(self) -> str:
        return output(*self._skopeo, "--version", env=self._env).split()[2]

    def copy(self, source: str, target: str) -> Command:
        tls = ("--src-tls-verify=false", "--dest-tls-verify=false")
        words = (*self._skopeo, "copy", "-q", *tls, f"docker://{source}", f"docker://{target}")
        return Command(words, self._env)


class Crane(Copier):
    key = "crane"
    title = "crane"

    def require(self) -> None:
        self._crane = str(CRANE.folder() / "crane")
        self.title = f"crane {CRANE.version.removeprefix('v')}"

    def version(self) -> str:
        return CRANE.version.removeprefix("v")

    def copy(self, source: str, target: str) -> Command:
        return Command((self._crane, "copy", "--insecure", source, target), self._env)
