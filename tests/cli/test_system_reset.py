"""``system reset``: all that wherry made is gone, and nothing else."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from support.image import build_two_layers
from support.plain import FIRST_SUBORDINATE, plain_user
from support.wherry import Wherry
from wherry.store import Store, locks
from wherry.store.reset import NAMES


def used(wherry: Wherry, folder: Path) -> None:
    """Something of everything that a store may hold, of which the image ``img``."""
    build_two_layers(wherry, folder / "c")
    wherry("create", "--name", "box", "-v", "data:/d", "img", "/one")
    wherry("volume", "create", "kept")
    wherry("save", "-o", os.devnull, "img")


def test_the_store_and_its_folder_are_gone(wherry: Wherry, tmp_path: Path) -> None:
    used(wherry, tmp_path)
    assert {entry.name for entry in wherry.root.iterdir()} <= set(NAMES)
    assert wherry("system", "reset", "--force") == f"Removed the store in {wherry.root}"
    assert not wherry.root.exists()
    assert wherry("images", "-q") == "" and wherry("volume", "ls", "-q") == ""


def test_without_a_terminal_it_asks_for_force(wherry: Wherry, tmp_path: Path) -> None:
    used(wherry, tmp_path)
    assert "use --force" in wherry.fails("system", "reset", code=125)
    assert wherry("images", "-q") != ""


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_on_a_terminal_it_asks(wherry: Wherry, tmp_path: Path, answer: str, code: int) -> None:
    used(wherry, tmp_path)
    ours, theirs = pty.openpty()
    process = wherry.start("system", "reset", stdin=theirs)
    os.write(ours, answer.encode())
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"all of {wherry.root}:" in said and "volumes, with the data in them" in said
    assert wherry.root.exists() == bool(code)
    for each in (ours, theirs):
        os.close(each)


def test_where_there_is_no_store_nothing_is_to_do(wherry: Wherry) -> None:
    done = wherry.run("system", "reset", "-f")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"there is no store in {wherry.root}\n"


@pytest.mark.parametrize(
    "names", [("tmp", "logs", "mine"), ("tmp", "logs"), ("volumes",), ("lock", "mine")]
)
def test_a_folder_that_is_no_store_is_left_alone(
    wherry: Wherry, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Not even where all in it is called as what a store holds."""
    wherry.root.mkdir()
    for name in names:
        (wherry.root / name).mkdir()
    assert "is not a store of wherry's" in wherry.fails("system", "reset", "-f", code=1)
    assert len(list(wherry.root.iterdir())) == len(names)
    file = Wherry(tmp_path / "file")
    file.root.write_text("mine")
    assert "is not a store of wherry's" in file.fails("system", "reset", "-f", code=1)


def test_what_others_put_into_the_folder_stays(wherry: Wherry, tmp_path: Path) -> None:
    used(wherry, tmp_path)
    (wherry.root / "mine").write_text("mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    (wherry.root / "volumes").mkdir()
    (wherry.root / "volumes" / "link").symlink_to(outside)
    done = wherry.run("system", "reset", "-f")
    assert done.returncode == 0 and "did not put it there: mine" in done.stderr
    assert [entry.name for entry in wherry.root.iterdir()] == ["mine"]
    assert (outside / "file").read_text() == "mine"


def test_a_damaged_store_and_what_a_killed_reset_left_are_removed(wherry: Wherry, tmp_path: Path) -> None:
    used(wherry, tmp_path)
    (wherry.root / "wherry.db").write_bytes(b"x" * 8192)
    assert wherry("system", "reset", "-f").startswith("Removed")
    (wherry.root / "tmp/1-a.gone/deep").mkdir(parents=True)
    (wherry.root / "lock").touch()
    assert wherry("system", "reset", "-f").startswith("Removed")
    assert not wherry.root.exists()


def test_it_refuses_while_another_command_uses_the_store(wherry: Wherry, tmp_path: Path) -> None:
    used(wherry, tmp_path)
    with Store.open(str(wherry.root)).using():
        assert "other commands use the store" in wherry.fails("system", "reset", "-f", code=1)
    assert wherry("images", "-q") != ""


@pytest.mark.mounts
def test_it_refuses_while_a_container_runs(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "bb", "sh", "-c", "while :; do sleep 0.05; done")
    said = bb.fails("system", "reset", "-f", code=1)
    assert said == "error: containers are running: box\nhint: wherry stop box\n"
    (bb.root / "wherry.db").rename(bb.root.parent / "aside")
    assert "containers are running: " in bb.fails("system", "reset", "-f", code=1)
    (bb.root.parent / "aside").rename(bb.root / "wherry.db")
    bb("kill", "box")
    bb("system", "reset", "-f")
    bb("images")


@pytest.mark.root
def test_what_somebody_mounted_in_it_is_not_removed(wherry: Wherry, tmp_path: Path) -> None:
    used(wherry, tmp_path)
    place = wherry.root / "volumes" / "with space"
    place.mkdir(parents=True)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").write_text("mine")
    script = f"mount --bind '{tmp_path}/theirs' '{place}' && exec \"$@\""
    wherry.prefix = ["unshare", "--mount", "sh", "-c", script, "-", *wherry.prefix]
    assert "something is mounted at" in wherry.fails("system", "reset", "-f", code=1)
    assert (tmp_path / "theirs/file").read_text() == "mine"


@pytest.mark.rootless
@pytest.mark.mounts
def test_a_plain_user_s_store_has_files_of_subordinate_ids_and_goes_too(entered_by_all: Path) -> None:
    plain = plain_user(entered_by_all)
    context = entered_by_all / "home/context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY --chown=7:8 file /folder/\n")
    (context / "file").write_text("file")
    plain.build(context)
    owners = {path.lstat().st_uid for path in (plain.root / "layers").rglob("*")}
    assert max(owners) >= FIRST_SUBORDINATE
    assert plain("system", "reset", "--force") == f"Removed the store in {plain.root}"
    assert not plain.root.exists()


def test_the_locks_of_containers_are_kept_meanwhile(wherry: Wherry, tmp_path: Path) -> None:
    """A start that comes between is told that the container is not there."""
    used(wherry, tmp_path)
    (container,) = os.listdir(wherry.root / "containers")
    lock = locks.take(str(wherry.root / "containers" / container / "lock"))
    try:
        assert "containers are running: box" in wherry.fails("system", "reset", "-f", code=1)
    finally:
        locks.release(lock)
    script = f"""
from wherry.store import Store, reset
def between(path, parent, move=reset.move_away):
    from wherry.store import locks
    assert locks.attempt({str(wherry.root / "containers" / container / "lock")!r}) is None
    raise SystemExit(7)
reset.move_away = between
reset.reset(Store({str(wherry.root)!r}))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7
