"""The folder of what is begun and of what is on its way out: nobody fails for what another left in it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wherry.layers.remove import remove_tree
from wherry.store import Store, locks, temporary

RACE = """
import os, sys
from wherry.layers.remove import remove_tree
print("ready", flush=True)
sys.stdin.readline()
remove_tree(sys.argv[1])
"""


def left_by_a_killed_process(store: Store) -> Path:
    """A folder of tmp/ whose lock is free."""
    folder = Path(store.temporary, "1-abc")
    (folder / "upper").mkdir(parents=True)
    Path(f"{folder}.lock").touch()
    return folder


def test_what_is_still_written_to_is_left_to_the_next_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(str(tmp_path / "s"))
    folder = left_by_a_killed_process(store)
    gone = Path(store.temporary, "2-abc.gone")
    gone.mkdir()

    def fails(path: str) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty", "upper")

    with monkeypatch.context() as patch:
        patch.setattr(temporary, "remove_tree", fails)
        again = Store.open(store.root)
        with again.temp() as mine:
            Path(mine, "file").touch()
        assert folder.exists() and gone.exists() and os.path.exists(mine)
    Store.open(store.root)
    assert os.listdir(store.temporary) == []


def test_a_discarded_folder_is_gone_at_once_and_its_rest_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(str(tmp_path / "s"))
    folder = tmp_path / "s/volumes/x"
    (folder / "deep").mkdir(parents=True)
    monkeypatch.setattr(temporary, "remove_tree", lambda path: None)
    temporary.discard(str(folder), store.temporary)
    temporary.discard(str(folder), store.temporary)
    assert not folder.exists()
    (rest,) = os.listdir(store.temporary)
    assert rest.endswith(".gone")
    monkeypatch.undo()
    Store.open(store.root)
    assert os.listdir(store.temporary) == []


def test_a_file_keeps_its_old_bytes_where_the_new_ones_find_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(str(tmp_path / "s"))
    path = tmp_path / "s/file"
    temporary.write_file(store.temporary, str(path), b"old")

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            temporary.write_file(store.temporary, str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(store.temporary) == []


def test_several_processes_remove_one_tree_at_once(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(40):
        folder = tree / f"{number}/a/b"
        folder.mkdir(parents=True)
        for file in range(20):
            (folder / str(file)).touch()
    removers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tree)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in removers:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in removers:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in removers]
    # One may find a folder that another is emptying: that is no error of the tree, which goes all the same.
    assert all("Directory not empty" in text or not text for text in said), said
    remove_tree(str(tree))
    assert not tree.exists()


def test_a_lock_is_let_go_of_for_all_who_inherited_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    lock = locks.take(path)
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        assert locks.attempt(path) is None
        locks.release(lock)
        again = locks.attempt(path)
        assert again is not None
        locks.release(again)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_a_lock_whose_file_was_taken_away_is_none(tmp_path: Path) -> None:
    """Who waited for it would otherwise hold a file that others cannot find, beside who made it anew."""
    path = str(tmp_path / "lock")
    first = locks.take(path)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"w")
        mine = locks.take(path)
        os.write(writer, b"1" if os.fstat(mine).st_ino == os.stat(path).st_ino else b"0")
        os._exit(0)
    assert os.read(reader, 1) == b"w"
    time.sleep(0.1)
    os.unlink(path)
    locks.release(first)
    assert os.read(reader, 1) == b"1"
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)


def test_a_file_that_a_sweep_takes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(str(tmp_path / "s"))
    path = Path(store.temporary, "1-abc.new")
    lock_it = locks.fcntl.flock
    sweeps = iter([True, True])

    def swept_first(file: int, how: int) -> None:
        if how == locks.ALONE and next(sweeps, False):
            path.unlink()
        lock_it(file, how)

    monkeypatch.setattr(locks.fcntl, "flock", swept_first)
    lock = locks.create(str(path))
    os.write(lock, b"mine")
    assert path.read_bytes() == b"mine"
    assert locks.attempt(str(path)) is None
    locks.release(lock)
