"""An nginx with a rendered configuration, and pods behind it."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.pods import Door, Pod
from wherry.proxy.model import Route

Open = Callable[..., Door]
Pods = Callable[..., list[Pod]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Open]:
    """Start an nginx for the routes; it ends with the test."""
    doors: list[Door] = []

    def begin(*routes: Route, **options: object) -> Door:
        doors.append(Door(tmp_path / f"door{len(doors)}", *routes, **options))
        return doors[-1]

    yield begin
    for door in doors:
        door.close()


@pytest.fixture
def pods() -> Iterator[Pods]:
    """Start so many pods."""
    started: list[Pod] = []

    def begin(count: int = 1, tls: Callable[[], ssl.SSLContext] | None = None) -> list[Pod]:
        new = [Pod(f"pod{len(started) + n}", tls and tls()) for n in range(count)]
        started.extend(new)
        return new

    yield begin
    for pod in started:
        pod.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], ssl.SSLContext]:
    """A server's TLS context with a certificate that nobody checks."""
    folder = tmp_path_factory.mktemp("certificate")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    paths = ["-days", "2", "-subj", "/CN=pod", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(["openssl", *words, *paths], check=True, capture_output=True)

    def context() -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(folder / "cert", folder / "key")
        return made

    return context
