"""The same promises from every way of isolating a process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.waiting import wait_until
from support.ways import may_mount
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def test_streams_exit_codes_environment_and_user(way: Wherry) -> None:
    script = 'echo "$A $HOME $(pwd) $(id -u):$(id -g)"; echo err >&2; exit 9'
    done = way.run("run", "--rm", "-e", "A=1", "-u", "app", "-w", "/tmp", "bb", "sh", "-c", script)
    assert (done.stdout, done.stderr, done.returncode) == ("1 / /tmp 1000:1000\n", "err\n", 9)


@pytest.mark.parametrize(("word", "code"), [("nonesuch", 127), ("/etc/passwd", 126)])
def test_what_cannot_be_started(way: Wherry, word: str, code: int) -> None:
    way.fails("run", "--rm", "bb", word, code=code)


def test_what_it_sees_of_the_host(way: Wherry) -> None:
    proc = "test -d /proc/self && " if may_mount(way) else ""  # the one thing that cannot be had without
    shown = way("run", "--rm", "bb", "sh", "-c", f"test -c /dev/null && {proc}cat /etc/resolv.conf")
    assert shown == Path("/etc/resolv.conf").read_text().removesuffix("\n")


def test_a_step_leaves_only_what_it_wrote(way: Wherry, tmp_path: Path) -> None:
    image = way.build(tmp_path / "c", "FROM bb\nRUN echo x > /only\n")
    history = way("history", "--format", "{{.Size}}", image).splitlines()
    assert history[0] == "2B"
    way("save", "-o", str(tmp_path / "x.tar"), image)
    import json
    import tarfile

    with tarfile.open(tmp_path / "x.tar") as archive:
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        top = archive.extractfile(manifest[0]["Layers"][-1])
        with tarfile.open(fileobj=top) as layer:
            assert layer.getnames() == ["only"]


def test_a_background_process_of_a_step_is_ended_with_it(way: Wherry, tmp_path: Path) -> None:
    marker = f"4{os.getpid()}"
    way.build(tmp_path / "c", f"FROM bb\nRUN sleep {marker} & true\n")
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if f"sleep\0{marker}".encode() in _read(p)]


def test_capabilities_are_docker_s(way: Wherry) -> None:
    if not may_mount(way):
        assert way.run("run", "--rm", "bb", "mknod", "/tmp/sda", "b", "8", "0").returncode != 0
        assert way.run("run", "--rm", "bb", "mount", "-t", "tmpfs", "x", "/tmp").returncode != 0
        return
    shown = way("run", "--rm", "bb", "grep", "CapBnd", "/proc/self/status")
    assert shown.split()[1] == "00000000a80425fb"


def test_killing_wherry_ends_the_step(way: Wherry, tmp_path: Path) -> None:
    marker = f"5{os.getpid()}"
    (tmp_path / "Dockerfile").write_text(f"FROM bb\nRUN echo begun && sleep {marker}\n")
    build = way.start("build", "--progress", "plain", str(tmp_path))
    assert build.stderr is not None
    while "begun" not in build.stderr.readline():
        assert build.poll() is None
    build.send_signal(signal.SIGKILL)
    build.wait()
    wait_until(lambda: not any(f"sleep\0{marker}".encode() in words for words in command_lines()))


def command_lines() -> list[bytes]:
    return [_read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_info_says_what_was_chosen_and_why(way: Wherry) -> None:
    chosen = way("info", "--format", "{{.Isolation}}: {{.Reason}}")
    if not may_mount(way):
        assert chosen.startswith("chroot: mounting is refused here")
    elif way.env.get("WHERRY_ISOLATION") == "chroot":
        assert chosen.startswith("chroot: ") and "as asked for" in chosen
    else:
        assert chosen == f"oci: root with {way.env['WHERRY_RUNTIME']} and overlay mounts"


def test_an_isolation_that_is_none_is_a_usage_error(bb: Wherry) -> None:
    assert "auto" in bb.fails("--isolation", "jail", "run", "--rm", "bb", "true", code=125)
    bb.env["WHERRY_RUNTIME"] = "nonesuch"
    said = bb.fails("--isolation", "oci", "run", "--rm", "bb", "true", code=125)
    assert "apt-get install crun" in said


def test_a_detached_container_has_a_pid_and_can_be_stopped(way: Wherry) -> None:
    script = "trap 'exit 4' TERM; echo set; while :; do sleep 0.05; done"
    way("run", "-d", "--name", "dd", "bb", "sh", "-c", script)
    assert int(way("inspect", "--format", "{{.State.Pid}}", "dd")) > 1
    wait_until(lambda: way("logs", "dd") == "set")
    way("stop", "dd")
    assert way("ps", "-a", "--format", "{{.Status}}").startswith("Exited (4)")
