"""dive, which explores images, and does nothing else here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.peers import Peer
from bench.peers.go_programs import DIVE
from bench.programs import Command, environment

if TYPE_CHECKING:
    from pathlib import Path

    from bench.images import BaseImage


class Dive(Peer):
    key = "dive"
    title = "dive"
    optional = True
    builds = False
    runs = False
    explores = True

    def __init__(self, home: Path) -> None:
        # With CI it prints its figures and ends, where it would open its screen.
        self._env = environment(home, CI="true")

    def require(self) -> None:
        self._dive = str(DIVE.folder() / "dive")
        self.title = f"dive {self.version()}"

    def version(self) -> str:
        return DIVE.version.removeprefix("v")

    def start(self, disk: Path, scratch: Path) -> None:
        """It keeps nothing."""

    def load(self, image: BaseImage) -> None:
        """It knows no images."""

    def explore(self, archive: Path) -> Command:
        return Command((self._dive, "--ci", f"docker-archive://{archive}"), self._env)
