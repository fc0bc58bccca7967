"""The programs that are measured.  A peer is added by a file here and its class in `all_peers`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bench.programs import CommandFailed, NotHere

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.images import BaseImage
    from bench.programs import Command


class Peer(ABC):
    """A builder.  `key` names its column; an `optional` one that is absent has none.

    `builds`, `runs`, `moves` (images), `copies` (from registry to registry) and `explores` (an archive) say
    which scenarios it takes part in.
    """

    key: str
    title: str
    optional = False
    builds = True
    runs = True
    moves = False
    copies = False
    explores = False

    @abstractmethod
    def require(self) -> None:
        """Find the programs, building them where that is agreed.  Raises NotHere."""

    @abstractmethod
    def start(self, disk: Path, scratch: Path) -> None:
        """Be ready, with all state on `disk`, sockets and logs in `scratch`.  Raises NotHere."""

    def stop(self) -> None:  # noqa: B027
        """End what start() started."""

    @abstractmethod
    def version(self) -> str:
        """Its version, in a word or two."""

    @abstractmethod
    def load(self, image: BaseImage) -> None:
        """Make a base image known by its name."""

    def build(self, context: Path, dockerfile: Path, args: Mapping[str, str] | None = None) -> Command:
        """The command that builds a context, plain progress, the host's network in its steps."""
        raise NotImplementedError(f"{self.key} builds nothing")

    def run(self, image: str, *words: str) -> Command:
        """The command that runs words in a container of an image and removes it, on the host's network."""
        raise NotImplementedError(f"{self.key} runs nothing")

    def pull(self, name: str) -> Command:
        raise NotImplementedError(f"{self.key} moves nothing")

    def push(self, name: str) -> Command:
        raise NotImplementedError(f"{self.key} moves nothing")

    def save(self, image: str, archive: Path) -> Command:
        raise NotImplementedError(f"{self.key} moves nothing")

    def copy(self, source: str, target: str) -> Command:
        """The command that copies an image from one registry to another; names with their hosts."""
        raise NotImplementedError(f"{self.key} copies nothing")

    def explore(self, archive: Path) -> Command:
        """The command that says what the layers of a docker-archive bring and waste."""
        raise NotImplementedError(f"{self.key} explores nothing")

    def load_archive(self, archive: Path) -> None:
        """Have the image of a docker-archive."""
        raise NotImplementedError(f"{self.key} moves nothing")

    def tag(self, image: str, name: str) -> None:
        raise NotImplementedError(f"{self.key} moves nothing")

    def forget(self, *names: str) -> None:
        """Remove names of an image; with the last one its layers go."""
        raise NotImplementedError(f"{self.key} moves nothing")

    def forget_compressed(self) -> None:  # noqa: B027
        """Remove what is remembered of layers that left compressed."""

    def cached(self, output: str) -> int:
        """How many steps came from the cache, told by a build's output."""
        raise NotImplementedError(f"{self.key} builds nothing")


def expect_cached(peer: Peer, steps: int, output: str) -> None:
    """Raises CommandFailed unless at least so many steps came from the cache."""
    if peer.cached(output) < steps:
        raise CommandFailed(f"{peer.key}: a step was not cached that should have been:\n{output[-2000:]}")


def expect_work(peer: Peer, output: str) -> None:
    """Raises CommandFailed if more came from the cache than the base and the ARG above the work."""
    if peer.cached(output) > 2:
        raise CommandFailed(f"{peer.key}: steps came from the cache that should not:\n{output[-2000:]}")


def all_peers(home: Path, *, sid: bool = False) -> tuple[Peer, ...]:
    """Every peer, wherry first: the order of the columns.  With `sid` those that Debian has are sid's."""
    from bench.peers.buildkit import BuildKit
    from bench.peers.copiers import Crane, Skopeo
    from bench.peers.dive import Dive
    from bench.peers.docker import Docker
    from bench.peers.podman import Podman
    from bench.peers.sid import Sid
    from bench.peers.wherry import Wherry

    before = Sid(home).prefix if sid else ()
    return (
        Wherry(home),
        Docker(home, before),
        BuildKit(home),
        Podman(home, before),
        Skopeo(home, before),
        Crane(home),
        Dive(home),
    )


__all__ = ["NotHere", "Peer", "all_peers", "expect_cached", "expect_work"]
