"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wherry.layers import newfile
from wherry.layers.newfile import new_file


@pytest.fixture(params=["nameless", "hidden"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without a file system that has files without names."""
    if request.param == "hidden":
        real = os.open

        def refusing(path: str, flags: int, *args: int, **more: int) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(95, "Operation not supported")
            return real(path, flags, *args, **more)

        monkeypatch.setattr(newfile.os, "open", refusing)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_a_file_appears_when_it_is_whole_and_replaces_the_older_one(tmp_path: Path) -> None:
    target = tmp_path / "made/on/the/way"
    with new_file(str(target)) as file:
        file.write(b"one")
        assert not target.exists()
    assert target.read_bytes() == b"one"
    target.chmod(0o640)
    with new_file(str(target)) as file:
        file.write(b"two")
        assert target.read_bytes() == b"one"
    assert target.read_bytes() == b"two"
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(target.parent) == ["way"]


@pytest.mark.usefixtures("way")
def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    for name in ("old", "new"):
        with pytest.raises(ZeroDivisionError), new_file(str(tmp_path / name)) as file:
            file.write(b"x" * 1_000_000)
            raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_text() == "old"


def test_a_kill_leaves_nothing(tmp_path: Path) -> None:
    script = f"""
import os, signal
from wherry.layers.newfile import new_file
with new_file({str(tmp_path / "file")!r}) as file:
    file.write(b"x" * 1_000_000)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert os.listdir(tmp_path) == []


def test_the_usual_permissions_a_link_followed_and_a_pipe_written_to(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        with new_file(str(tmp_path / "file")):
            pass
    finally:
        os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    (tmp_path / "link").symlink_to("file")
    with new_file(str(tmp_path / "link")) as file:
        file.write(b"through")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"through"
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with new_file(str(tmp_path / "pipe")) as file:
        file.write(b"piped")
    reader.join()
    assert read == [b"piped"]


def test_a_pipe_that_has_no_name_is_written_to() -> None:
    """As in ``save -o /dev/stdout | tar`` and ``--iidfile >(cat)``."""
    reader, writer = os.pipe()
    with new_file(f"/dev/fd/{writer}") as file:
        file.write(b"piped")
    os.close(writer)
    with open(reader, "rb") as piped:
        assert piped.read() == b"piped"
