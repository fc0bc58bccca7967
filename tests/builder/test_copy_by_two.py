"""A COPY of many files that a second process helps with makes the layer that one process makes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from support.machine import require
from support.wherry import Wherry

pytestmark = [pytest.mark.root]

COUNT = 5_000
PAST = 1_600_000_000
ALONE = ("taskset", "-c", "0")
DOCKERFILE = """\
FROM scratch AS from
COPY src /src/
FROM scratch
COPY --chmod=u+x,g-w src /changed/
COPY --chown=7:8 --chmod=640 src /owned/
COPY src/d1* /several/
COPY --from=from /src /again/
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(len(os.sched_getaffinity(0)) > 1, "needs two processors")
    folder = tmp_path_factory.mktemp("context")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    for number in range(COUNT):
        _file(folder / f"src/d{number % 20}/f{number}", number)
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (PAST, PAST), follow_symlinks=False)
    return folder


def _file(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    above = path.parent
    if number % 50 == 1:
        path.symlink_to(f"f{number - 1}")
    elif number % 50 == 2:
        (above / "first").touch()
        path.hardlink_to(above / "first")
    elif number % 50 == 3:
        os.mkfifo(path)
    elif number % 500 == 4:
        path.write_bytes(os.urandom(300_000))
    elif number % 50 == 5:
        (path / "folder" / "of its own").mkdir(parents=True)
    else:
        path.write_text(f"{number}\n" * (number % 100))
        path.chmod((0o600, 0o644, 0o4755, 0o777)[number % 4])


def layers(wherry: Wherry, context: Path) -> list[str]:
    """The diff IDs of a reproducible build."""
    return diff_ids(wherry, wherry("build", "-q", "--reproducible", str(context)))


def plain_layers(wherry: Wherry, context: Path) -> list[str]:
    return diff_ids(wherry, wherry("build", "-q", "-f", str(context / "Plain"), str(context)))


def diff_ids(wherry: Wherry, image: str) -> list[str]:
    found: list[str] = json.loads(wherry("inspect", "--format", "{{json .RootFS.Layers}}", image))
    return found


def alone(root: Path) -> Wherry:
    wherry = Wherry(root)
    wherry.prefix = [*ALONE, *wherry.prefix]
    return wherry


def test_the_layers_are_the_same(tmp_path: Path, context: Path) -> None:
    assert layers(Wherry(tmp_path / "both"), context) == layers(alone(tmp_path / "alone"), context)


def test_files_have_their_times(tmp_path: Path, context: Path) -> None:
    """Into a folder that is there: a new one has the time at which it was made."""
    (context / "Plain").write_text("FROM scratch\nCOPY src /\n")
    both, one = Wherry(tmp_path / "both"), alone(tmp_path / "alone")
    assert plain_layers(both, context) == plain_layers(one, context)


def test_they_are_so_after_a_change_and_whole(tmp_path: Path, context: Path) -> None:
    own = tmp_path / "context"
    shutil.copytree(context, own, symlinks=True, ignore=lambda folder, names: _pipes(folder, names))
    both = Wherry(tmp_path / "both")
    layers(both, own)
    (own / "src/d7/f7").write_text("another")
    (own / "src/d8/new").write_text("new")
    (own / "src/d9/f9").unlink()
    assert layers(both, own) == layers(alone(tmp_path / "alone"), own)
    both("system", "check")


def _pipes(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_fifo()]


def test_a_helper_that_is_killed_changes_nothing(tmp_path: Path, context: Path) -> None:
    killed = Wherry(tmp_path / "killed")
    words = [*killed.prefix, "build", "-q", "--reproducible", str(context)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=killed.env) as build:
        helpers: set[int] = set()
        while build.poll() is None:
            helpers |= _kill_new(build.pid, helpers)
        assert build.stdout is not None
        image = build.stdout.read().strip()
    assert build.returncode == 0
    assert len(helpers) > 1
    assert diff_ids(killed, image) == layers(alone(tmp_path / "alone"), context)


def _kill_new(parent: int, killed: set[int]) -> set[int]:
    """Kill the helpers of a process that were not killed before; their ids."""
    children: list[str] = []
    with contextlib.suppress(OSError):  # a thread that has ended meanwhile
        for thread in Path(f"/proc/{parent}/task").iterdir():
            children += (thread / "children").read_text().split()
    new = {int(child) for child in children} - killed
    for child in new:
        os.kill(child, signal.SIGKILL)
    return new
