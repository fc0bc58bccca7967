"""Registries, and commands that know nothing of this user's settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.registry import FakeRegistry, fake_registry
from support.registry import (
    DEBIAN,
    DISTRIBUTION_3,
    WITH_REFERRERS,
    Registry,
    authority,
    running_registry,
)
from support.wherry import Wherry


@pytest.fixture(scope="session", params=[DEBIAN, pytest.param(DISTRIBUTION_3, marks=pytest.mark.peers)])
def registry_kind(request: pytest.FixtureRequest) -> str:
    """The registries that every test with passwords, tokens or TLS is run against."""
    return str(request.param)


@pytest.fixture(
    scope="session",
    params=[
        DEBIAN,
        pytest.param(DISTRIBUTION_3, marks=pytest.mark.peers),
        pytest.param(WITH_REFERRERS, marks=pytest.mark.peers),
    ],
)
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry that is open to everybody.  Each test uses names of its own."""
    with running_registry(tmp_path_factory.mktemp("registry"), request.param) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(registry_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """TLS of an authority that nobody knows, and a password."""
    folder = tmp_path_factory.mktemp("guarded")
    ca, pair = authority(folder / "ca")
    with running_registry(folder / "r", registry_kind, passwords=True, tls=pair) as running:
        running.folder.joinpath("ca.crt").write_bytes(ca.certificate.read_bytes())
        yield running


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with fake_registry() as registry:
        yield registry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own: no passwords and no mirrors of whoever runs it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(folder / "registries.conf"))
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Wherry]:
    """The command on another, empty store: another machine."""
    command = Wherry(tmp_path / "other-store")
    yield command
    command.end()
