"""A folder that is watched, by the kernel's events as they come."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wherry.proxy.watch import Watch

QUEUED = Path("/proc/sys/fs/inotify/max_queued_events")


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(str(tmp_path))


def test_what_came_what_went_and_what_is_being_written_has_a_name(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "ä").touch()
    os.rename(tmp_path / "old", tmp_path / ("n" * 255))
    with (tmp_path / "open").open("wb", buffering=0) as file:
        file.write(b"half")
        assert watch.wait(0.0) == {"old", "ä", "n" * 255, "open"}
        assert watch.writing == {"open"}
    assert watch.wait(0.0) == {"open"} and not watch.writing
    assert watch.wait(0.0) == set()
    watch.close()


def test_more_events_than_the_kernel_keeps_are_a_look_at_everything(watch: Watch, tmp_path: Path) -> None:
    one = tmp_path / "one"
    for number in range(int(QUEUED.read_text())):
        one.touch()  # equal events in a row are one, so it is another name each time
        one = one.rename(tmp_path / f"{number % 2}")
    assert "" in watch.wait(0.0)
    watch.close()


def test_a_folder_that_another_takes_the_place_of_is_looked_at_and_followed(tmp_path: Path) -> None:
    folder = tmp_path / "followed"
    folder.mkdir()
    watch = Watch(str(folder))
    folder.rename(tmp_path / "old")
    folder.mkdir()
    assert "" in watch.wait(0.0)
    (folder / "new").touch()
    assert "new" in watch.wait(0.0)
    watch.close()


def test_the_container_of_nginx_loads_little() -> None:
    """Each is half a megabyte in every pod, and milliseconds of silence where one was killed."""
    wanted = "wherry.cli.proxy.serve, wherry.proxy.server, wherry.proxy.reload.managed"
    script = f"import sys, {wanted}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"typing", "shutil", "tempfile", "ctypes.util"} & set(done.stdout.split())
