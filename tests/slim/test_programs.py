"""Two programs, fat and slim.  `make test-slim` has more: test_servers, test_languages, test_tools.

`wherry slim` compares both images itself; in these tests the slim one is asked again, by another client.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.certificates import Authority
from support.ports import fetch, free_port
from support.slimmed import program, slimmed
from support.wherry import Wherry

pytestmark = [pytest.mark.mounts, pytest.mark.runtime, pytest.mark.network]


def test_nginx_with_tls(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    authority = Authority(tmp_path / "ca")
    pair = authority.server("server", "/CN=localhost", ["IP:127.0.0.1"])
    context = program("nginx", tmp_path, port=port)
    shutil.copy(pair.certificate, context / "server.pem")
    shutil.copy(pair.key, context / "server.key")
    one = slimmed(debian, context, "--probe", f"https://127.0.0.1:{port}/")
    debian("run", "-d", "--rm", one.name)
    assert "Welcome to nginx" in fetch(f"https://127.0.0.1:{port}/", trusting=authority.certificate)
    assert one.size < 12_000_000


def test_python_with_flask_sqlite_and_tls(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    one = slimmed(debian, program("flask", tmp_path, port=port), "--probe", f"http://127.0.0.1:{port}/")
    debian("run", "-d", "--rm", one.name)
    assert fetch(f"http://127.0.0.1:{port}/") == "42 True"
    assert one.size < 45_000_000
