"""What stands by a container says what went wrong in wherry's words, and removes only what is its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import wherry.containers
from support.waiting import wait_until
from support.ways import by_plain_user
from support.wherry import Wherry
from wherry.containers.detach import start_detached
from wherry.containers.monitor import Answer
from wherry.errors import SandboxError
from wherry.sandbox.supervise import children, end_of, status_numbers
from wherry.store import Store

pytestmark = pytest.mark.mounts

SLEEP = ("sh", "-c", "while :; do sleep 0.05; done")


def in_the_way(bb: Wherry) -> Path:
    """A file where the one container needs a folder."""
    (container,) = (bb.root / "containers").iterdir()
    (container / "upper").write_text("")
    return container


@pytest.mark.parametrize("words", [("start", "box"), ("start", "-a", "box")])
def test_an_error_of_the_machine_at_the_start_is_said_as_any_other(bb: Wherry, words: tuple[str]) -> None:
    bb("create", "--name", "box", "bb", "true")
    container = in_the_way(bb)
    said = bb.fails(*words)
    assert "[Errno" not in said
    assert said.startswith("error: ") and f"{container}/upper" in said


def test_a_container_that_is_to_go_goes_when_it_could_not_be_started_either(bb: Wherry) -> None:
    bb("create", "--rm", "--name", "box", "bb", "true")
    in_the_way(bb)
    bb.fails("start", "box")
    wait_until(lambda: bb("ps", "-aq") == "")
    assert os.listdir(bb.root / "containers") == []


def test_to_start_a_running_container_again_does_not_take_it_away(bb: Wherry) -> None:
    bb("run", "-d", "--rm", "--name", "box", "bb", *SLEEP)
    assert "is already running" in bb.fails("start", "-a", "box")
    assert bb("ps", "--format", "{{.Names}}") == "box"
    assert len(os.listdir(bb.root / "containers")) == 1
    bb("kill", "box")


def test_what_was_killed_has_ended_when_kill_returns(bb: Wherry) -> None:
    """As docker's: SIGKILL, and a wait for the end."""
    for name in ("KILL", "9", "SIGKILL", "KILL", "9"):
        bb("run", "-d", "--name", "box", "bb", *SLEEP)
        assert bb("kill", "-s", name, "box") == "box"
        assert bb("ps", "-a", "--format", "{{.Status}}").startswith("Exited (137)")
        bb("rm", "box")


def test_a_signal_that_it_handles_is_sent_and_not_waited_for(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "bb", "sh", "-c", "trap : HUP; while :; do sleep 0.05; done")
    assert bb("kill", "-s", "HUP", "box") == "box"
    assert bb("ps", "--format", "{{.Status}}").startswith("Up")
    bb("kill", "box")


def test_who_started_it_is_answered_once_and_nobody_else(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    answer = Answer(writer)
    answer.give("ok")
    other = os.open(tmp_path / "other", os.O_CREAT | os.O_WRONLY)
    assert other == writer  # the number is another file's by now
    answer.give("125\nan error that came later")
    os.close(other)
    assert os.read(reader, 100) == b"ok"
    os.close(reader)
    assert (tmp_path / "other").read_bytes() == b""


@pytest.mark.root
@pytest.mark.parametrize("runtimes", [0, 1])
def test_a_container_is_killed_with_the_runtime_that_may_still_start_it(runtimes: int) -> None:
    words = [*["unshare", "--pid", "--fork"] * (1 + runtimes), "sleep", "60"]
    supervisor = subprocess.Popen(words)
    try:
        pids = [supervisor.pid]
        deadline = time.monotonic() + 10
        while len(pids) < 2 + runtimes and time.monotonic() < deadline:
            pids = [supervisor.pid]
            while below := children(pids[-1]):
                pids.append(below[0])
        assert end_of(pids[-1]) == pids[1]
        os.kill(pids[1], 9)
        assert supervisor.wait(10) != 0
        assert not os.path.exists(f"/proc/{pids[-1]}")
    finally:
        supervisor.kill()
        supervisor.wait()


def test_a_killed_container_has_dockers_exit_code(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "bb", *SLEEP)
    bb("kill", "box")
    assert bb("ps", "-q") == ""
    assert bb("inspect", "--format", "{{.State.ExitCode}}", "box") == "137"


def test_the_beginning_of_several_ids_may_be_an_images_name(bb: Wherry) -> None:
    bb("create", "--name", "box", "bb", "true")
    store = Store(str(bb.root))
    box = store.containers.by_name("box")
    assert box is not None
    for number in "12":
        store.containers.add(box._replace(id=f"bb{number * 62}", name=f"box{number}"))
    store.database.close()
    assert json.loads(bb("inspect", "bb"))[0]["RepoTags"] == ["bb:latest"]
    assert "beginning of 2" in bb.fails("inspect", "--type", "container", "bb", code=1)
    bb("tag", "bb", "other")
    bb("rmi", "bb")
    assert "beginning of 2" in bb.fails("inspect", "bb", code=1)


def monitors(bb: Wherry) -> list[int]:
    """The pids of the programs that stand by containers of a store."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            words = (folder / "cmdline").read_bytes()
            (parent,) = status_numbers(int(folder.name), "PPid:")
            above = Path(f"/proc/{parent}/cmdline").read_bytes()
            ours = b"containers.monitor" in words and os.fsencode(bb.root) in words
            if ours and above != words:  # the supervisor, its child, has the same words
                found.append(int(folder.name))
    return found


def monitor_of(bb: Wherry) -> int:
    (monitor,) = monitors(bb)
    return monitor


def test_the_monitor_is_a_program_that_holds_nothing_of_who_asked(bb: Wherry, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    done = bb.run("run", "-d", "--name", "box", "bb", *SLEEP, close_fds=False, cwd=tmp_path)
    os.close(writer)
    assert done.returncode == 0, done.stderr
    assert os.read(reader, 1) == b""  # the end: nobody has the other end any more
    os.close(reader)
    monitor = monitor_of(bb)
    assert os.readlink(f"/proc/{monitor}/cwd") == "/"
    assert {os.readlink(f"/proc/{monitor}/fd/{number}") for number in range(3)} == {os.devnull}
    assert os.getsid(monitor) != os.getsid(0)
    bb("kill", "box")


def test_the_folder_that_it_was_asked_in_has_no_say_in_what_is_run(bb: Wherry, tmp_path: Path) -> None:
    for name in ("wherry", "signal", "json", "select"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'mine')!r}, 'w')\n")
    bb.prefix[1:3] = ["-P", "-m", "wherry"]  # as the installed command
    bb("run", "-d", "--name", "box", "bb", *SLEEP, cwd=tmp_path)
    assert not (tmp_path / "mine").exists()
    bb("kill", "box")


def test_a_monitor_that_cannot_begin_says_why(bb: Wherry, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(bb.root))
    bb("create", "--name", "box", "bb", "true")
    box = store.containers.by_name("box")
    assert box is not None
    with pytest.raises(SandboxError, match="No such container: 000000000000"):
        start_detached(store, box._replace(id="0" * 64))
    monkeypatch.setattr(sys, "executable", str(bb.root / "python"))
    with pytest.raises(FileNotFoundError):
        start_detached(store, box)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SandboxError, match="ended before the container began"):
        start_detached(store, box)
    store.database.close()


@pytest.mark.parametrize("words", [("nothing",), ("--pull=never", "nothing"), ("--name", "x", "bb")])
def test_a_container_that_is_not_made_leaves_no_monitor(bb: Wherry, words: tuple[str, ...]) -> None:
    assert "error: " in bb.fails("run", "-d", *words, code=125)
    assert monitors(bb) == [] and bb("ps", "-aq") == ""


def test_a_monitor_ends_where_who_started_it_is_killed_before_a_word(bb: Wherry) -> None:
    # Once its first process has ended, its second one is there.
    script = "import os, sys; from wherry import Runtime; from wherry.containers.detach import Waiting; "
    script += "monitor = Waiting(Runtime(sys.argv[1])); "
    script += "os.waitpid(monitor._child, 0); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", script, str(bb.root)], check=False)
    wait_until(lambda: monitors(bb) == [])


def test_many_threads_start_containers_at_once(bb: Wherry) -> None:
    for number in range(4):
        bb("create", "--name", f"box{number}", "bb", *SLEEP)
    store = Store(str(bb.root))
    records = store.containers.all()
    before = set(children(os.getpid()))
    threads = [threading.Thread(target=start_detached, args=(store, record)) for record in records]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bb("ps", "-q").split()) == 4
    assert set(children(os.getpid())) <= before  # none is left behind
    store.database.close()
    bb("kill", *(record.name for record in records))


def test_a_killed_monitor_takes_its_container_with_it(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "bb", *SLEEP)
    os.kill(monitor_of(bb), signal.SIGKILL)
    wait_until(lambda: bb("ps", "-q") == "")
    assert bb("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "box") == "exited 137"


def test_signals_to_the_monitor_reach_the_container(bb: Wherry) -> None:
    script = "trap 'echo got; exit 7' USR1; echo up; while :; do sleep 0.05; done"
    bb("run", "-d", "--name", "box", "bb", "sh", "-c", script)
    wait_until(lambda: "up" in bb("logs", "box"))
    os.kill(monitor_of(bb), signal.SIGUSR1)
    wait_until(lambda: bb("ps", "-q") == "")
    assert bb("logs", "box") == "up\ngot"
    assert bb("inspect", "--format", "{{.State.ExitCode}}", "box") == "7"


def test_nothing_but_the_program_sets_handlers_of_signals() -> None:
    folder = Path(wherry.containers.__file__).parent
    for file in folder.glob("*.py"):
        text = file.read_text()
        sets = "signal.signal(" in text or "handlers import" in text
        assert sets == (file.name == "monitor.py"), file


def outlives_a_hangup(command: Wherry) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a child inherits it, as from nohup(1)
    try:
        run = command.start("run", "--rm", "bb", "sh", "-c", "echo up; sleep 1; echo still")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert run.stdout is not None and run.stdout.readline() == "up\n"
    run.send_signal(signal.SIGHUP)
    assert run.communicate(timeout=60)[0] == "still\n" and run.returncode == 0


def test_under_nohup_the_end_of_the_terminal_ends_nothing(bb: Wherry) -> None:
    outlives_a_hangup(bb)


@pytest.mark.root
def test_under_nohup_a_plain_user_loses_nothing_either(bb: Wherry) -> None:
    with tempfile.TemporaryDirectory(prefix="wherry-hup-") as folder:
        os.chmod(folder, 0o755)
        outlives_a_hangup(by_plain_user(Path(folder), bb, "crun"))
