"""Containers as a docker user types them, on a real runtime."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from support.ports import fetch, free_port
from support.waiting import wait_until
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def test_output_streams_and_exit_codes_are_the_programs_own(bb: Wherry) -> None:
    done = bb.run("run", "--rm", "bb", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 7)
    assert bb.run("run", "--rm", "bb", "sh", "-c", "sh -c 'kill -15 $$'; exit $?").returncode == 143


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("bb", "nonesuch"), 127, "nonesuch"),
        (("bb", "/nonesuch"), 127, "no such file or directory"),
        (("bb", "/etc/passwd"), 126, "permission denied"),
        (("bb", "/etc"), 126, "permission denied"),
        (("nonesuch", "true"), 125, "Unable to find image 'nonesuch:latest' locally"),
        (("--nonesuch", "bb"), 125, "unknown flag: --nonesuch"),
        (("-w", "relative", "bb", "true"), 125, "absolute path"),
        (("-u", "nobody-here", "bb", "true"), 125, "unable to find user nobody-here"),
        (("-v", "/a:b", "bb", "true"), 125, "absolute"),
        (("-p", "99999:80", "bb", "true"), 125, "99999"),
        (("--network", "mars", "bb", "true"), 125, "mars"),
        (("bb",), 125, "No command specified"),
    ],
)
def test_mistakes_have_dockers_exit_codes(bb: Wherry, words: tuple[str, ...], code: int, said: str) -> None:
    assert said in bb.fails("run", "--rm", *words, code=code)
    assert bb("ps", "-aq") == ""


def test_environment_user_folder_entry_point_and_name(bb: Wherry) -> None:
    assert (
        bb("run", "--rm", "-e", "A=1", "-w", "/tmp/new", "bb", "sh", "-c", "echo $A $PWD") == "1 /tmp/new"
    )
    assert (
        bb("run", "--rm", "-u", "app", "bb", "id")
        == "uid=1000(app) gid=1000(app) groups=1000(app),1001(extra)"
    )
    assert bb("run", "--rm", "-u", "12:34", "bb", "sh", "-c", "id -u; id -g") == "12\n34"
    assert bb("run", "--rm", "--entrypoint", "echo", "bb", "a", "b") == "a b"
    assert bb("run", "--name", "one", "bb", "true") == ""
    assert 'name "/one" is already in use' in bb.fails("run", "--name", "one", "bb", "true", code=125)


def test_a_container_is_confined(bb: Wherry) -> None:
    """Docker's default capabilities, masked paths, its own processes; no devices of the host."""
    script = "grep CapEff /proc/self/status; ls /sys/firmware | wc -l; ps | wc -l; ls /dev | tr '\\n' ' '"
    lines = bb("run", "--rm", "bb", "sh", "-c", script).splitlines()
    assert lines[0].split()[1] == "00000000a80425fb"
    assert lines[1] == "0"  # masked by an empty folder
    assert int(lines[2]) < 8
    assert "sda" not in lines[3] and "null" in lines[3]
    assert bb.run("run", "--rm", "bb", "sh", "-c", "echo x > /proc/sys/kernel/domainname").returncode != 0
    assert bb.run("run", "--rm", "bb", "mount", "-t", "tmpfs", "x", "/tmp").returncode != 0
    assert bb.run("run", "--rm", "bb", "unshare", "-U", "true").returncode != 0


def test_volumes_bind_read_only_and_named(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("host")
    assert bb("run", "--rm", "-v", f"{tmp_path}:/v:ro", "bb", "cat", "/v/f") == "host"
    assert bb.run("run", "--rm", "-v", f"{tmp_path}:/v:ro", "bb", "touch", "/v/g").returncode != 0
    bb("run", "--rm", "-v", f"{tmp_path}:/v", "bb", "sh", "-c", "echo container > /v/g")
    assert (tmp_path / "g").read_text() == "container\n"
    bb("run", "--rm", "-v", "data:/d", "bb", "sh", "-c", "echo kept > /d/f")
    assert bb("run", "--rm", "-v", "data:/d", "bb", "cat", "/d/f") == "kept"


def test_a_detached_container_lives_is_listed_logs_and_stops(bb: Wherry) -> None:
    script = "trap 'echo bye; exit 3' TERM; echo hello; while :; do sleep 0.05; done"
    container = bb("run", "-d", "--name", "web", "bb", "sh", "-c", script)
    assert len(container) == 64
    wait_until(lambda: bb("logs", "web") == "hello")
    row = bb("ps", "--format", "{{.ID}} {{.Image}} {{.Names}} {{.Status}}").split(" ", 3)
    assert row[:3] == [container[:12], "bb", "web"] and row[3].startswith("Up")
    assert json.loads(bb("inspect", "web"))[0]["State"]["Running"] is True
    assert "running" in bb.fails("rm", "web", code=1)
    assert bb("stop", "web") == "web"
    assert bb("logs", "web") == "hello\nbye"
    assert bb("ps", "-q") == ""
    assert bb("ps", "-a", "--format", "{{.Status}}").startswith("Exited (3)")
    assert bb("start", "web") == "web"
    wait_until(lambda: bb("logs", "web").count("hello") == 2)
    assert bb("kill", "web") == "web"
    wait_until(lambda: bb("ps", "-q") == "")
    assert bb("ps", "-a", "--format", "{{.Status}}").startswith("Exited (137)")
    assert bb("rm", "web") == "web"
    assert bb("ps", "-aq") == ""


def test_logs_follow_until_the_end(bb: Wherry) -> None:
    bb("run", "-d", "--name", "xx", "bb", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.1; done")
    assert bb("logs", "-f", "xx") == "1\n2\n3"


def test_stop_kills_what_does_not_listen(bb: Wherry) -> None:
    bb("run", "-d", "--name", "deaf", "bb", "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
    assert bb("stop", "-t", "1", "deaf") == "deaf"
    assert bb("ps", "-a", "--format", "{{.Status}}").startswith("Exited (137)")


def test_create_copy_start(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("carried in")
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "tree/sub/f").write_text("deep")
    bb("create", "--name", "cc", "bb", "cat", "/in", "/opt/sub/f")
    bb("cp", str(tmp_path / "in"), "cc:/in")
    bb("cp", str(tmp_path / "tree"), "cc:/opt")
    assert bb("start", "-a", "cc") == "carried indeep"
    bb("cp", str(tmp_path / "tree"), "cc:/opt/")
    bb("cp", "cc:/opt", str(tmp_path / "out"))
    assert (tmp_path / "out/sub/f").read_text() == "deep"
    assert (tmp_path / "out/tree/sub/f").read_text() == "deep"
    assert "/absent" in bb.fails("cp", "cc:/absent", str(tmp_path), code=1)
    bb("rm", "-f", "cc")


def test_copying_out_of_a_container_never_follows_a_link_out_of_it(bb: Wherry, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("host")
    bb("run", "--name", "evil", "bb", "sh", "-c", f"ln -s {tmp_path} /up; ln -s {secret} /leaf")
    for path in ("evil:/up/secret", "evil:/leaf"):
        done = bb.run("cp", "-L", path, str(tmp_path / "got"))
        assert not (tmp_path / "got").exists(), done
    bb("run", "-d", "--name", "live", "bb", "sh", "-c", f"ln -s {tmp_path} /up; sleep 60")
    wait_until(lambda: bb.run("cp", "live:/up", "-").returncode == 0)
    done = bb.run("cp", "live:/up/secret", str(tmp_path / "got"))
    assert done.returncode == 1 and not (tmp_path / "got").exists()
    (tmp_path / "f").write_text("f")
    bb.run("cp", str(tmp_path / "f"), "live:/up/planted")
    assert not (tmp_path / "planted").exists()


def test_published_ports_reach_a_private_network(bb: Wherry) -> None:
    port = free_port()
    serve = "echo from inside > /tmp/index.html; exec httpd -f -p 80 -h /tmp"
    bb("run", "-d", "--name", "web", "-p", f"127.0.0.1:{port}:80", "bb", "sh", "-c", serve)
    assert fetch(f"http://127.0.0.1:{port}/") == "from inside\n"
    assert bb("ps", "--format", "{{.Ports}}") == f"127.0.0.1:{port}->80/tcp"
    assert "cannot be published" in bb.fails("run", "--rm", "-p", f"{port}:80", "bb", "true", code=125)
    bb("rm", "-f", "web")
    with pytest.raises(OSError):
        fetch(f"http://127.0.0.1:{port}/", within=0.2)


def test_no_network_is_an_empty_one(bb: Wherry) -> None:
    assert bb("run", "--rm", "--network", "none", "bb", "ls", "/sys/class/net") == "lo"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_foreground_reaches_the_program(bb: Wherry, how: signal.Signals) -> None:
    script = "trap 'echo caught; exit 5' INT TERM; echo ready; while :; do sleep 0.05; done"
    running = bb.start("run", "--rm", "bb", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(how)
    assert running.stdout.read() == "caught\n"
    assert running.wait(20) == 5


def test_a_killed_wherry_takes_its_container_with_it(bb: Wherry) -> None:
    running = bb.start("run", "--name", "kk", "bb", "sh", "-c", "echo ready; exec sleep 321")
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    inner = json.loads(bb("inspect", "kk"))[0]["State"]["Pid"]
    assert os.path.exists(f"/proc/{inner}")
    running.kill()
    running.wait()
    wait_until(lambda: not os.path.exists(f"/proc/{inner}"))
    assert bb("ps", "-q") == ""
    assert bb("ps", "-a", "--format", "{{.Status}}").startswith("Exited (137)")
    bb("rm", "kk")
    assert list((bb.root / "containers").iterdir()) == []


def test_a_missing_loader_is_said_in_words(bb: Wherry, tmp_path: Path) -> None:
    """The article's trap: a dynamic program in an image without its loader."""
    context = tmp_path / "c"
    context.mkdir()
    (context / "true").write_bytes(Path("/bin/true").read_bytes())
    (context / "true").chmod(0o755)
    image = bb.build(context, 'FROM scratch\nCOPY true /true\nCMD ["/true"]\n')
    error = bb.fails("run", "--rm", image, code=127)
    assert "loader" in error and "ld-linux" in error


@pytest.mark.parametrize("way", ["oci", "chroot"])
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-w", "/etc/passwd", "bb", "true"), 125, "not a directory"),
        (("-v", "/etc/passwd:/tmp", "bb", "true"), 125, "cannot mount the file /etc/passwd on /tmp"),
        (("-v", "/etc:/etc/passwd", "bb", "true"), 125, "cannot mount the folder /etc on /etc/passwd"),
        (("bb", "nosuch"), 127, "executable file not found"),
    ],
)
def test_a_container_that_cannot_start_stays_created(
    bb: Wherry, way: str, words: tuple[str, ...], code: int, said: str
) -> None:
    for detached in ((), ("-d",)):
        error = bb.fails("--isolation", way, "run", "--name", "box", *detached, *words, code=code)
        assert said in error and "  hint" not in error
        assert bb("ps", "-a", "--format", "{{.Status}}") == "Created"
        assert bb("inspect", "box", "-f", "{{.State.ExitCode}}") == str(code)
        bb("rm", "box")
