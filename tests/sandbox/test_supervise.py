"""Who is killed lets go of its locks only when nothing that it started can write any more."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.waiting import wait_until
from support.wherry import Wherry
from wherry.store import locks

pytestmark = [pytest.mark.root, pytest.mark.runtime]

WRITERS = 12
ROUNDS = 4


def writing(marker: str) -> str:
    """Many processes that make files for as long as they live."""
    loop = f"i=0; while true; do i=$((i+1)); echo {marker} > /w$n-$i; done"
    return f"for n in $(seq {WRITERS}); do ( {loop} ) & done; sleep 0.2; echo begun; wait"


def alive(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes().split(b"wherry")[0]:
                found.append(path.parts[2])
        except OSError:
            continue
    return found


def until_free(path: Path) -> None:
    def free() -> bool:
        lock = locks.attempt_existing(str(path))
        if lock is not None:
            locks.release(lock)
        return lock is not None

    wait_until(free)


@pytest.mark.parametrize("isolation", ["oci", "chroot"])
def test_the_lock_of_a_killed_build_outlives_its_step(bb: Wherry, tmp_path: Path, isolation: str) -> None:
    bb.env["WHERRY_ISOLATION"] = isolation
    for number in range(ROUNDS):
        marker = f"marker{os.getpid()}x{number}y"
        (tmp_path / "Dockerfile").write_text(f"FROM bb\nRUN {writing(marker)}\n")
        build = bb.start("build", "--progress", "plain", str(tmp_path))
        assert build.stderr is not None
        while "begun" not in (line := build.stderr.readline()) or "RUN" in line:
            assert line
        (lock,) = (path for path in (bb.root / "tmp").glob("*.lock") if path.name[0].isdigit())
        build.kill()
        until_free(lock)
        assert alive(marker) == []
        build.communicate()
        assert bb.run("images").returncode == 0
        assert os.listdir(bb.root / "tmp") == []


def test_the_next_commands_never_fail_for_a_build_that_was_just_killed(bb: Wherry, tmp_path: Path) -> None:
    for number in range(ROUNDS):
        (tmp_path / "Dockerfile").write_text(f"FROM bb\nRUN {writing(f'next{number}')}\n")
        build = bb.start("build", "--progress", "plain", str(tmp_path))
        assert build.stderr is not None
        while "begun" not in (line := build.stderr.readline()) or "RUN" in line:
            assert line
        build.kill()
        for done in [bb.start("images") for _ in range(3)]:
            _, said = done.communicate(timeout=60)
            assert (done.returncode, said) == (0, "")
        build.communicate()


def test_a_killed_monitor_keeps_its_container_s_lock_until_it_is_gone(bb: Wherry) -> None:
    marker = f"marker{os.getpid()}c"
    run = bb.start("run", "--name", "cc", "bb", "sh", "-c", writing(marker))
    assert run.stdout is not None and run.stdout.readline() == "begun\n"
    (folder,) = (bb.root / "containers").iterdir()
    run.send_signal(signal.SIGKILL)
    until_free(folder / "lock")
    assert alive(marker) == []
    run.communicate()
    bb("rm", "cc")
    assert os.listdir(bb.root / "containers") == [] and os.listdir(bb.root / "tmp") == []


def test_a_step_that_is_stopped_is_gone_before_its_folder(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM bb AS a\nRUN {writing('stopped')}\nFROM bb AS b\nRUN sleep 1; false\n"
        "FROM bb\nCOPY --from=a /w1-1 /\nCOPY --from=b /etc/passwd /\n"
    )
    done = bb.run("build", str(tmp_path))
    assert done.returncode == 1 and "Directory not empty" not in done.stderr
    assert os.listdir(bb.root / "tmp") == []


def test_a_container_s_next_run_takes_away_what_a_killed_one_left(bb: Wherry) -> None:
    run = bb.start("run", "--name", "cc", "bb", "sh", "-c", "echo begun; [ -e /once ] || sleep 30")
    assert run.stdout is not None and run.stdout.readline() == "begun\n"
    (folder,) = (bb.root / "containers").iterdir()
    run.kill()
    run.communicate()
    until_free(folder / "lock")
    assert list(folder.glob("bundle-*"))
    (folder / "upper/once").touch()
    bb("start", "-a", "cc")
    assert not list(folder.glob("bundle-*"))


def test_a_runtime_that_cannot_be_executed_says_so_and_leaves_the_caller_s_files(
    bb: Wherry, tmp_path: Path
) -> None:
    """Its process once went on as wherry itself, and cleaned up what the other one still used."""
    program = tmp_path / "crun"
    program.write_text("#!/nowhere/python\n")
    program.chmod(0o755)
    said = bb.fails("run", "--rm", "bb", "true", env={"WHERRY_RUNTIME": str(program)}, code=125)
    assert said.count("error: the sandbox could not be made: ") == 1 and len(said.splitlines()) == 1, said
    assert bb("run", "--rm", "bb", "echo", "fine") == "fine"
