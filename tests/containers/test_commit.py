"""``commit``: what a container changed becomes an image, whatever isolates it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from support.waiting import wait_until
from support.ways import WAYS, by_root
from support.wherry import Wherry
from wherry.app.archives import commit
from wherry.store import Store

pytestmark = [pytest.mark.root, pytest.mark.runtime]
EDITS = (
    "echo new > /new; mkdir /deep && echo a > /deep/a && ln /deep/a /deep/b && ln -s a /deep/c;"
    "rm /bin/false; rm -rf /opt && mkdir /opt && echo mine > /opt/own; chmod 700 /tmp; chown 5:6 /deep"
)
SEEN = (
    "cat /new /deep/b /opt/own; readlink /deep/c; test -e /bin/false || echo gone;"
    "stat -c '%a %u %g' /tmp /deep; stat -c %h /deep/a; ls /opt"
)


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, bb: Wherry) -> Wherry:
    return with_opt(by_root(request.param, bb))


def with_opt(wherry: Wherry) -> Wherry:
    """A folder that EDITS makes anew."""
    wherry.build(wherry.root.parent / "c", "FROM bb\nRUN mkdir /opt; echo old > /opt/old\n", "-t", "bb")
    return wherry


def config(wherry: Wherry, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(wherry("inspect", "--type", "image", name))[0]
    return found


def test_what_a_container_changed_is_in_the_image_and_nothing_else(way: Wherry) -> None:
    way("run", "--name", "box", "bb", "sh", "-c", EDITS)
    image = way("commit", "-a", "Jane", "-m", "by hand", "box", "made:1")
    assert image == way("images", "-q", "--no-trunc", "made:1")
    assert way("run", "--rm", "made:1", "sh", "-c", SEEN).split("\n") == [
        *("new", "a", "mine", "a", "gone", "700 0 0", "755 5 6", "2", "own"),
    ]
    found = config(way, "made:1")
    base = config(way, "bb")
    assert found["Author"] == "Jane" and found["Comment"] == "by hand"
    assert found["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]  # type: ignore[index]
    assert way("history", "--format", "{{.Comment}}", "made:1").splitlines()[0] == "by hand"
    assert way("run", "--rm", "bb", "ls", "/bin/false") == "/bin/false"


def test_a_container_goes_on_after_it(way: Wherry) -> None:
    way("run", "--name", "box", "bb", "sh", "-c", "echo $(cat /count)x > /count")
    way("commit", "box", "one")
    way("start", "-a", "box")
    way("commit", "box", "two")
    for name, text in (("one", "x"), ("two", "xx")):
        assert way("run", "--rm", name, "cat", "/count") == text
    assert way("ps", "-a", "--format", "{{.Names}}") == "box"


def test_one_that_runs_is_not_disturbed(way: Wherry) -> None:
    way("run", "-d", "--name", "box", "bb", "sh", "-c", "echo here > /file; while :; do sleep 0.1; done")
    while way.run("cp", "box:/file", "-").returncode:
        pass
    done = way.run("commit", "box", "made")
    if "made" in way("images"):
        assert way("run", "--rm", "made", "cat", "/file") == "here"
    else:
        assert done.returncode == 1 and "wherry stop box" in done.stderr
    assert way("ps", "--format", "{{.Names}}") == "box"


def test_nothing_changed_and_what_is_mounted_stays_outside(bb: Wherry, tmp_path: Path) -> None:
    bb("create", "--name", "never", "bb", "true")
    bb("commit", "never", "same")
    layers = config(bb, "same")["RootFS"]["Layers"]  # type: ignore[index]
    (tmp_path / "secret").write_text("secret")
    bb("run", "--name", "box", "-v", f"{tmp_path}:/mnt/host", "-v", "data:/data", "bb",
       "sh", "-c", "echo x > /data/x; ls /mnt/host; hostname > /name")  # fmt: skip
    bb("commit", "box", "made")
    assert bb("run", "--rm", "made", "ls", "/mnt/host", "/data").split() == ["/data:", "/mnt/host:"]
    assert "secret" not in bb("run", "--rm", "made", "find", "/", "-xdev", "-name", "secret")
    assert config(bb, "made")["RootFS"]["Layers"][:-1] == layers[:-1]  # type: ignore[index]


def test_the_configuration_is_the_container_s_and_changes_apply(bb: Wherry) -> None:
    words = ("-e", "A=1", "--label", "l=1", "-u", "3", "-w", "/tmp", "--hostname", "host", "-t")
    bb("create", "--name", "box", *words, "--entrypoint", "sh", "bb", "-c", "true")
    bb("commit", "box", "made")
    found = config(bb, "made")["Config"]
    assert isinstance(found, dict)
    assert "A=1" in found["Env"] and found["Labels"]["l"] == "1"
    assert (found["User"], found["WorkingDir"], found["Entrypoint"], found["Cmd"]) == (
        *("3", "/tmp", ["sh"]), ["-c", "true"],
    )  # fmt: skip
    assert (found["Hostname"], found["Tty"], found["Image"]) == ("", False, "")
    changes = ('CMD ["ls"]', "ENV A=2 B=$A", "EXPOSE 80", "ENTRYPOINT []", "USER root")
    bb("commit", *(word for change in changes for word in ("-c", change)), "box", "changed")
    found = config(bb, "changed")["Config"]
    assert isinstance(found, dict)
    assert {"A=2", "B=1"} <= set(found["Env"]) and found["Cmd"] == ["ls"] and found["User"] == "root"
    assert found["ExposedPorts"] == {"80/tcp": {}} and not found["Entrypoint"]


def test_the_image_leaves_and_others_build_on_it(bb: Wherry, other_store: Wherry, tmp_path: Path) -> None:
    with_opt(bb)("run", "--name", "box", "bb", "sh", "-c", EDITS)
    bb("commit", "box", "made")
    bb("save", "-o", str(tmp_path / "made.tar"), "made")
    other_store("load", "-q", "-i", str(tmp_path / "made.tar"))
    other_store.build(tmp_path / "c", "FROM made\nRUN cat /deep/b > /seen\n", "-t", "on")
    assert other_store("run", "--rm", "on", "cat", "/seen") == "a"


@pytest.fixture
def other_store(tmp_path: Path) -> Wherry:
    return Wherry(tmp_path / "other-store")


def test_what_cannot_be_committed(bb: Wherry) -> None:
    bb("create", "--name", "box", "bb", "true")
    for words, says, code in (
        (("nobody",), "No such container: nobody", 1),
        (("box", "UPPER"), "repository name must be lowercase", 1),
        (("-c", "RUN x", "box"), "not a valid change command", 125),
        (("box", "x", "y"), "requires at most 2 arguments", 1),
    ):
        assert says in bb.fails("commit", *words, code=code)
    assert bb("images", "-q").count("\n") == 0


def test_its_image_may_be_gone(bb: Wherry) -> None:
    bb("run", "--name", "box", "bb", "sh", "-c", "echo x > /x")
    bb.run("rmi", "-f", "bb")
    bb("commit", "box", "made")
    assert bb("run", "--rm", "made", "cat", "/x") == "x"


def test_a_plain_user_commits(bb: Wherry, entered_by_all: Path) -> None:
    from support.ways import by_plain_user

    plain = by_plain_user(entered_by_all, bb, "crun")
    with_opt(plain)("run", "--name", "box", "bb", "sh", "-c", EDITS)
    plain("commit", "box", "made")
    assert plain("run", "--rm", "made", "cat", "/opt/own") == "mine"


def test_a_name_that_no_layer_can_hold_is_named_whether_it_runs_or_not(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "bb", "sh", "-c", "echo x > /.wh.x; echo ready; exec sleep 60")
    wait_until(lambda: "ready" in bb("logs", "box"))
    for _ in range(2):
        said = bb.fails("commit", "box", code=1)
        assert "/.wh.x cannot be in a layer" in said and "faster" not in said
        bb("stop", "-t", "0", "box")


PAIR = "i=0; while :; do i=$((i+1)); echo $i > /one; echo $i > /two; done"


def pair(bb: Wherry, *words: str) -> None:
    bb("run", "-d", "--name", "box", *words, "bb", "sh", "-c", PAIR)
    wait_until(lambda: not bb.run("cp", "box:/two", "-").returncode)


def first_of(bb: Wherry) -> int:
    return int(bb("inspect", "-f", "{{.State.Pid}}", "box"))


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("name", ["crun", "runc", "chroot"])
def test_a_container_stands_still_while_its_files_are_read_and_goes_on(name: str, bb: Wherry) -> None:
    """Two files that are written one after the other differ by one at most: the copy is of one moment."""
    way = by_root(name, bb)
    pair(way)
    for turn in range(3):
        way("commit", "box", f"made:{turn}")
        one, two = (int(way("run", "--rm", f"made:{turn}", "cat", f"/{n}") or 0) for n in ("one", "two"))
        assert 0 in (one, two) or one - two in (0, 1)
    assert state(first_of(way)) in "RSD"
    way("rm", "-f", "box")


def test_one_that_was_stopped_before_stays_so(bb: Wherry) -> None:
    pair(bb)
    first = first_of(bb)
    os.kill(first, signal.SIGSTOP)
    wait_until(lambda: state(first) == "T")
    bb("commit", "box", "made")
    assert state(first) == "T"
    bb("rm", "-f", "box")


def test_a_container_goes_on_when_the_commit_is_killed(bb: Wherry) -> None:
    """The commit is killed at once when it has stopped the container."""
    script = "head -c 60000000 /dev/zero > /big; echo ready; while :; do sleep 0.05; done"
    bb("run", "-d", "--name", "box", "bb", "sh", "-c", script)
    wait_until(lambda: "ready" in bb("logs", "box"))
    first = first_of(bb)
    making = bb.start("commit", "box", "made")
    while state(first) != "T":
        assert making.poll() is None
    making.kill()
    making.wait()
    wait_until(lambda: state(first) != "T")
    assert bb("ps", "--format", "{{.Names}}") == "box"
    bb("rm", "-f", "box")


def test_without_pause_nothing_is_stopped(bb: Wherry, monkeypatch: pytest.MonkeyPatch) -> None:
    pair(bb)
    store = Store.open(str(bb.root))
    stopped: list[bool] = []
    monkeypatch.setattr("wherry.containers.commit.standing_still", lambda _: stopped.append(True))
    commit(store, "box", "made", pause=False)
    assert stopped == []
    bb("rm", "-f", "box")
    bb("run", "--rm", "made", "cat", "/one")
    assert "--pause" in bb("commit", "--help")


def test_where_its_processes_are_another_user_s_a_container_goes_on_meanwhile(
    bb: Wherry, entered_by_all: Path
) -> None:
    from support.ways import by_plain_user

    plain = by_plain_user(entered_by_all, bb, "crun")
    plain("run", "-d", "--name", "box", "-u", "33", "bb", "sh", "-c", "echo x > /tmp/x; exec sleep 60")
    wait_until(lambda: not plain.run("cp", "box:/tmp/x", "-").returncode)
    first = first_of(plain)
    plain("commit", "box", "made")
    assert state(first) == "S"
    assert plain("run", "--rm", "made", "cat", "/tmp/x") == "x"
    plain("rm", "-f", "box")
