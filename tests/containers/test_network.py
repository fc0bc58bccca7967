"""A container's own network: what reaches it, and what it reaches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.machine import require
from support.ports import fetch, free_port
from support.wherry import Wherry

pytestmark = pytest.mark.root


@pytest.fixture(autouse=True)
def _pasta() -> None:
    require(shutil.which("pasta") is not None, "needs pasta (Debian: passt)")


SERVE = ("busybox", "httpd", "-f", "-p", "80", "-h", "/etc")


def page(port: int) -> str:
    return f"http://127.0.0.1:{port}/group"


def test_a_published_port_is_free_at_once_after_it_was_used(bb: Wherry) -> None:
    port = free_port()
    publish = ("-p", f"127.0.0.1:{port}:80")
    bb("run", "-d", "--name", "one", *publish, "bb", *SERVE)
    assert fetch(page(port)).startswith("root")
    bb("stop", "-t", "0", "one")
    bb("start", "one")
    assert fetch(page(port)).startswith("root")
    bb("rm", "-f", "one")
    bb("run", "-d", "--name", "two", *publish, "bb", *SERVE)
    assert fetch(page(port)).startswith("root")
    said = bb.fails("run", *publish, "bb", "true", code=125)
    assert "cannot be published: Address already in use" in said


def test_any_user_takes_any_port_of_a_network_of_its_own(bb: Wherry) -> None:
    port = free_port()
    bb("run", "-d", "-u", "1000", "-p", f"127.0.0.1:{port}:80", "bb", *SERVE)
    assert fetch(page(port)).startswith("root")


def test_the_host_is_reached_by_its_gateway_name_where_that_is_asked_for(
    bb: Wherry, tmp_path: Path
) -> None:
    shown = bb("run", "--rm", "--add-host", "here:host-gateway", "bb", "cat", "/etc/hosts")
    assert "127.0.0.1\there" in shown
    port = free_port()
    (tmp_path / "group").write_text("the host's")
    bb(
        "run",
        "-d",
        "-v",
        f"{tmp_path}:/www",
        "bb",
        "busybox",
        "httpd",
        "-f",
        "-p",
        f"127.0.0.1:{port}",
        "-h",
        "/www",
    )
    fetch(page(port))
    words = ("run", "--rm", "--network", "private")
    url = f"http://here:{port}/group"
    assert bb(*words, "--add-host", "here:host-gateway", "bb", "wget", "-qO-", url) == "the host's"
    shown = bb(*words, "--add-host", "here:host-gateway", "bb", "cat", "/etc/hosts")
    gateway = shown.split("\there")[0].split("\n")[-1]
    assert bb.run(*words, "bb", "wget", "-T", "2", "-qO-", f"http://{gateway}:{port}/group").returncode != 0
