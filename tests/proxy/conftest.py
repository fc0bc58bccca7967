"""Programs behind a proxy, and the proxy itself: ended with the test, whatever it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.proxy import Backend, Proxy

Start = Callable[..., Proxy]


@pytest.fixture
def backends() -> Iterator[dict[str, Backend]]:
    """Backends ``one`` and ``two``; further ones that a test puts in are closed as well."""
    found = {name: Backend(name) for name in ("one", "two")}
    yield found
    for backend in found.values():
        backend.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start ``wherry proxy WORDS…``; at the end of the test it and its nginx have to be gone."""
    started: list[Proxy] = []

    def begin(*words: str, env: dict[str, str] | None = None) -> Proxy:
        proxy = Proxy(tmp_path / f"proxy{len(started)}", *words, env=env)
        started.append(proxy)
        return proxy

    yield begin
    for proxy in started:
        proxy.close()
