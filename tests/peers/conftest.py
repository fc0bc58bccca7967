"""Other programs that move images, and what tests about registries share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from registry.conftest import fake, guarded, home, other, registry, registry_kind
from support.dockerd import unmount_below
from support.peers import Buildah, Crane, Peer, Podman, Regctl, Skopeo

__all__ = ["fake", "guarded", "home", "other", "registry", "registry_kind"]
P = TypeVar("P", bound=Peer)
Start = Callable[[type[P]], P]


@pytest.fixture
def started(home: Path) -> Iterator[Start[Peer]]:
    """Begins with a peer whose state is the test's own, below a short path: podman takes no other."""
    home.joinpath("registries.conf").touch()
    with tempfile.TemporaryDirectory(prefix="wp", ignore_cleanup_errors=True) as top:

        def start(kind: type[Peer]) -> Peer:
            folder = Path(top, kind.__name__)
            folder.mkdir()
            return kind(folder, {"HOME": str(home)})

        yield start
        unmount_below(Path(top))


@pytest.fixture
def podman(started: Start[Podman]) -> Podman:
    return started(Podman)


@pytest.fixture
def buildah(started: Start[Buildah]) -> Buildah:
    return started(Buildah)


@pytest.fixture
def crane(started: Start[Crane]) -> Crane:
    return started(Crane)


@pytest.fixture
def skopeo(started: Start[Skopeo]) -> Skopeo:
    return started(Skopeo)


@pytest.fixture
def regctl(started: Start[Regctl]) -> Regctl:
    return started(Regctl)
