"""Builds that are killed at many instants, and builds beside each other on one store."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.waiting import PATIENCE, wait_until
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

DOCKERFILE = """\
FROM bb AS one
COPY data /data
RUN cat /data/* | wc -c > /count && for i in $(seq 200); do echo $i > /tmp/$i; done
FROM bb
COPY --from=one /tmp /tmp
RUN rm /tmp/1* && echo done > /done
"""
INSTANTS = 14


def processes_of(root: Path) -> list[str]:
    """Processes that mention the store in their command line or have their root below it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            inside = os.readlink(f"/proc/{pid}/root").startswith(str(root))
        except OSError:
            continue
        if int(pid) != os.getpid() and (str(root) in words or inside):
            found.append(f"{pid} {words}")
    return found


def holders(root: Path) -> list[str]:
    """Who has files below a folder open."""
    found = []
    for number in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            target = os.readlink(number)
            if target.startswith(str(root)):
                found.append(f"{number.parts[2]} {(number.parents[1] / 'comm').read_text()} {target}")
    return found


def assert_nothing_left(wherry: Wherry) -> None:
    wait_until(lambda: not processes_of(wherry.root), "the end of all processes")
    # The next command sweeps.  A process without a command line may still be letting go of its locks.
    wherry("images", "-q")
    deadline = time.monotonic() + PATIENCE
    while os.listdir(wherry.root / "tmp") and time.monotonic() < deadline:
        time.sleep(0.1)
        wherry("images", "-q")
    assert os.listdir(wherry.root / "tmp") == [], holders(wherry.root)
    assert str(wherry.root) not in Path("/proc/self/mountinfo").read_text()


def context_with_data(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    for number in range(200):
        (folder / f"data/{number}").write_bytes(bytes([number]) * 5000)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    return folder


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_build_killed_at_any_instant_leaves_nothing_and_the_next_one_is_right(
    bb: Wherry, tmp_path: Path, how: signal.Signals
) -> None:
    context = context_with_data(tmp_path / "c")
    began = time.monotonic()
    reference = bb.build(context, None, "--no-cache", "-t", "whole")
    whole = time.monotonic() - began
    expected = bb("run", "--rm", reference, "sh", "-c", "ls /tmp | cksum; cat /done")
    for instant in range(INSTANTS):
        build = bb.start("build", "--no-cache", "--progress", "plain", str(context))
        time.sleep(whole * (instant + 0.5) / INSTANTS)
        build.send_signal(how)
        build.communicate(timeout=30)
        if how == signal.SIGINT:
            assert build.returncode in (0, 1, 130, -signal.SIGINT)
        assert_nothing_left(bb)
    image = bb.build(context, None, "-t", "after")
    assert bb("run", "--rm", image, "sh", "-c", "ls /tmp | cksum; cat /done") == expected
    bb("save", "-o", str(tmp_path / "x.tar"), "after")
    other = Wherry(tmp_path / "other")
    other("load", "-i", str(tmp_path / "x.tar"))
    assert other("run", "--rm", "after", "sh", "-c", "ls /tmp | cksum; cat /done") == expected


def test_two_builds_of_the_same_thing_at_once_on_one_store(bb: Wherry, tmp_path: Path) -> None:
    context = context_with_data(tmp_path / "c")
    builds = [bb.start("build", "-q", "-t", f"b{number}", str(context)) for number in range(4)]
    for build in builds:
        _, said = build.communicate(timeout=60)
        assert build.returncode == 0, said
    for number in range(4):
        assert bb("run", "--rm", f"b{number}", "cat", "/done") == "done"
    assert_nothing_left(bb)


def on_a_small_disk(busybox_store: Path, tmp_path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run `script` with a store on a tmpfs of 24 MiB; ``wherry`` is a function, $C the context."""
    place = tmp_path / "disk"
    place.mkdir()
    wherry = Wherry(place / "store")
    prologue = f"""
set -e
mount -t tmpfs -o size=24m none {place}
cp -a {busybox_store} {place}/store
S={place}/store C={tmp_path}/c
wherry() {{ {" ".join(wherry.prefix)} "$@"; }}
fails() {{ wherry "$@" && exit 70 || [ $? = 1 ]; }}
"""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", prologue + script],
        capture_output=True,
        text=True,
        check=False,
        env=wherry.env,
        timeout=60,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert "no space left on device" in done.stderr.lower() and "Traceback" not in done.stderr
    return done


def test_a_full_disk_is_said_and_costs_nothing_that_was_there(busybox_store: Path, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM bb\nCOPY big /big\n")
    (tmp_path / "c/big").write_bytes(os.urandom(1 << 20) * 40)
    script = r"""
fails build -q $C
wherry images -q
[ -z "$(ls -A $S/tmp)" ]
printf 'FROM bb\nRUN echo small > /s\n' > $C/Dockerfile
wherry build -q -t small $C
wherry run --rm small cat /s
"""
    assert on_a_small_disk(busybox_store, tmp_path, script).stdout.splitlines()[-1] == "small"


def test_a_step_that_fills_the_disk(busybox_store: Path, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM bb\nRUN dd if=/dev/zero of=/big bs=1M count=64\n")
    on_a_small_disk(busybox_store, tmp_path, 'fails build -q $C; wherry images; [ -z "$(ls -A $S/tmp)" ]')


@pytest.mark.parametrize("stages", [1, 2])
def test_an_interrupt_cancels_and_says_so(bb: Wherry, tmp_path: Path, stages: int) -> None:
    """A step that was ended by ctrl-C has not failed."""
    text = "FROM bb AS one\nRUN echo begun; sleep 30\n"
    if stages == 2:
        text += "FROM bb\nRUN echo begun; sleep 31\nCOPY --from=one /bin/busybox /x\n"
    (tmp_path / "Dockerfile").write_text(text)
    process = bb.start("build", "--progress", "plain", str(tmp_path))
    assert process.stderr is not None
    said = ""
    while said.count("begun\n") < stages:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.send_signal(signal.SIGINT)
    said += process.stderr.read()
    assert process.wait(20) == 130
    assert said.count("CANCELED") == stages and "ERROR" not in said, said
    assert said.endswith("canceled: what was finished stays in the cache\n"), said
