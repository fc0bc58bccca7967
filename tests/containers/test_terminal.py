"""Containers with a terminal of their own: what is typed, shown, logged and how large it is."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from support.machine import require
from support.terminal import Seen, on_a_terminal
from support.waiting import wait_until
from support.wherry import Wherry

pytestmark = pytest.mark.root


@pytest.fixture(params=["crun", "runc", "chroot"])
def isolated(request: pytest.FixtureRequest, bb: Wherry) -> Wherry:
    """The command with each way of isolating."""
    if request.param == "chroot":
        bb.prefix += ["--isolation", "chroot"]
    else:
        require(shutil.which(request.param) is not None, f"needs {request.param} on PATH")
        bb.env["WHERRY_RUNTIME"] = request.param
    return bb


def test_it_has_the_size_of_ours_and_follows_it(isolated: Wherry) -> None:
    script = "stty size; test -t 0 && test -t 1 && test -t 2 || exit 1; trap : WINCH; echo READY; "
    script += (
        "for i in $(seq 50); do test $(stty size | cut -d' ' -f1) = 20 && break; sleep 0.1; done; stty size"
    )
    seen = on_a_terminal(isolated, "run", "--name", "box", "-it", "bb", "sh", "-c", script, then=(20, 60))
    assert seen == Seen(0, "35 120\r\nREADY\r\n20 60\r\n", restored=True)
    assert isolated("logs", "box").split() == ["35", "120", "READY", "20", "60"]


def test_what_is_typed_reaches_the_program_and_ctrl_c_is_its_own(isolated: Wherry) -> None:
    seen = on_a_terminal(
        isolated,
        "run",
        "--rm",
        "-it",
        "bb",
        "sh",
        "-c",
        "echo READY; read x; echo got $x",
        typed=b"hello\r",
    )
    assert seen == Seen(0, "READY\r\nhello\r\ngot hello\r\n", restored=True)
    script = "trap 'echo caught; exit 7' INT; echo READY; while :; do sleep 0.1; done"
    seen = on_a_terminal(isolated, "run", "--rm", "-it", "bb", "sh", "-c", script, typed=b"\x03")
    assert (seen.code, seen.restored) == (7, True) and "caught" in seen.text


def test_a_program_that_reads_nothing_holds_nobody_up(bb: Wherry) -> None:
    script = "stty raw; echo READY; dd if=/dev/zero bs=1000 count=1000 2>/dev/null | tr '\\0' x; echo done"
    seen = on_a_terminal(bb, "run", "--rm", "-it", "bb", "sh", "-c", script, typed=b"t" * 10_000)
    assert seen.code == 0 and seen.text.count("x") == 1_000_000


def test_without_one_of_ours_it_has_its_own(isolated: Wherry) -> None:
    done = isolated.run(
        "run", "--rm", "-t", "bb", "sh", "-c", "test -t 0 && echo terminal", stdin=subprocess.DEVNULL
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "terminal\n", "")
    isolated("create", "-t", "--name", "box", "bb", "sh", "-c", "test -t 1 && echo terminal")
    assert isolated("start", "-a", "box", stdin=subprocess.DEVNULL) == "terminal"


@pytest.mark.parametrize("flags", ["-dt", "-dit"])
def test_what_a_detached_one_writes_is_logged(isolated: Wherry, flags: str) -> None:
    isolated("run", flags, "--name", "box", "bb", "sh", "-c", "test -t 0 && echo terminal; exec sleep 60")
    wait_until(lambda: isolated("logs", "box").strip() == "terminal")
    isolated("rm", "-f", "box")
