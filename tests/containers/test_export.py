"""``wherry export``: what a container's file system is, as a tar."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.plain import plain_user
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]
CHANGES = (
    "echo new > /new; rm /etc/group; echo changed >> /etc/passwd; "
    "ln -s new /link; mkdir -m 700 /dir; echo v > /v/f"
)


def names(path: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return {member.name: member for member in tar}


@pytest.mark.parametrize("isolation", ["oci", "chroot"])
def test_the_image_and_what_was_changed(bb: Wherry, tmp_path: Path, isolation: str) -> None:
    env = {"WHERRY_ISOLATION": isolation}
    bb("run", "--name", "cc", "-v", "vol:/v", "bb", "sh", "-c", CHANGES, env=env)
    bb("export", "-o", str(tmp_path / "c.tar"), "cc", env=env)
    found = names(tmp_path / "c.tar")
    assert {"new", "link", "dir", "bin/busybox", "etc/passwd"} <= found.keys()
    assert "etc/group" not in found and "v/f" not in found
    assert (found["link"].linkname, found["dir"].mode) == ("new", 0o700)
    with tarfile.open(tmp_path / "c.tar") as tar:
        data = tar.extractfile("etc/passwd")
        assert data is not None and data.read().endswith(b"changed\n")


def test_what_is_exported_is_imported_again(bb: Wherry, tmp_path: Path) -> None:
    bb("run", "--name", "cc", "bb", "sh", "-c", "echo new > /new")
    bb("export", "-o", str(tmp_path / "c.tar"), "cc")
    bb("import", str(tmp_path / "c.tar"), "again")
    assert bb("run", "--rm", "again", "cat", "/new") == "new"


def test_one_that_runs_is_exported_without_what_is_mounted(bb: Wherry, tmp_path: Path) -> None:
    bb("run", "-d", "--name", "cc", "bb", "sh", "-c", "echo 1 > /one; echo up; sleep 1000")
    while "up" not in bb("logs", "cc"):
        pass
    done = subprocess.run([*bb.prefix, "export", "cc"], capture_output=True, check=True, env=bb.env)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        found = tar.getnames()
    assert "one" in found and not [name for name in found if name.startswith(("proc/", "sys/", "dev/"))]


def test_a_plain_users(bb: Wherry, tmp_path: Path, entered_by_all: Path) -> None:
    plain = plain_user(entered_by_all)
    bb("save", "-o", str(entered_by_all / "bb.tar"), "bb")
    (entered_by_all / "bb.tar").chmod(0o644)
    plain("load", "-q", "-i", str(entered_by_all / "bb.tar"))
    plain("run", "--name", "cc", "bb", "sh", "-c", "echo mine > /mine; chown 5:6 /mine")
    plain("export", "-o", str(entered_by_all / "home/c.tar"), "cc")
    assert (names(entered_by_all / "home/c.tar")["mine"].uid, plain("rm", "cc")) == (5, "cc")


def test_what_cannot_be_exported(bb: Wherry, tmp_path: Path) -> None:
    assert "No such container: none" in bb.fails("export", "none", code=1)
    bb("create", "--name", "cc", "bb", "true")
    assert "No such file" in bb.fails("export", "-o", "/proc/nowhere/x", "cc", code=1)
    bb("export", "-o", str(tmp_path / "made"), "cc")
    assert "bin/busybox" in names(tmp_path / "made")
