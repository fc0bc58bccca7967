"""A container's own network: what reaches it, and what it reaches."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.machine import require
from support.ports import fetch, free_port
from support.ways import BARE, by_plain_user
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


def test_a_container_without_rights_is_named_as_the_cause(bb: Wherry) -> None:
    bb.prefix = [*BARE, *bb.prefix]
    said = bb.fails("run", "--rm", "-p", "80", "bb", "true", code=125)
    assert "error: the private network could not be made: " in said
    assert "as in a container without" in said and "--privileged" in said and "--network host" in said
    assert "Errno" not in said


def test_a_plain_user_is_told_what_pasta_needs(bb: Wherry, entered_by_all: Path) -> None:
    plain = by_plain_user(entered_by_all, bb, "crun")
    port = free_port()
    plain("run", "-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", "bb", *SERVE)
    assert fetch(page(port)).startswith("root")
    plain("rm", "-f", "web")
    words = ("run", "--rm", "-p", "80", "bb", "true")
    own = plain.prefix
    node = f"mknod -m 600 {entered_by_all}/tun c 10 200 && mount --bind {entered_by_all}/tun /dev/net/tun"
    plain.prefix = ["unshare", "--mount", "sh", "-c", f'{node} && exec "$@"', "-", *own]
    said = plain.fails(*words, code=125)
    assert "/dev/net/tun is open to root alone, and pasta needs it" in said and "chmod 666" in said
    empty = "mount -t tmpfs none /dev/net"
    plain.prefix = ["unshare", "--mount", "sh", "-c", f'{empty} && exec "$@"', "-", *own]
    said = plain.fails(*words, code=125)
    assert "there is no /dev/net/tun" in said and "modprobe tun" in said
