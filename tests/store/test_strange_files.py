"""A folder, a link or a FIFO in the place of a file of the store hurts only who needs that file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from support.image import blob, build_two_layers
from support.wherry import Wherry
from wherry.store import Store, locks
from wherry.store.builds import MOST, Builds
from wherry.store.temporary import write_file


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def full_folder(path: Path) -> None:
    folder(path)
    (path / "mine").write_text("a user's")


def link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.parent.parent / "elsewhere")
    (path.parent.parent / "elsewhere").write_text("elsewhere")


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


STRANGE: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (folder, full_folder, link, fifo)
}


@pytest.fixture
def image(wherry: Wherry, tmp_path: Path) -> str:
    return build_two_layers(wherry, tmp_path / "c")


@pytest.mark.parametrize("how", STRANGE)
@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_in_the_place_of_a_file_of_the_layout_it_is_replaced_by_the_next_command(
    wherry: Wherry, image: str, name: str, how: str
) -> None:
    good = (wherry.root / name).read_bytes()
    STRANGE[how](wherry.root / name)
    assert "img" in wherry("images")
    assert (wherry.root / name).read_bytes() == good
    assert wherry("system", "check") == "nothing is wrong"
    if how == "full_folder":
        (kept,) = (wherry.root / "lost").iterdir()
        assert (kept / "mine").read_text() == "a user's"


def test_a_layout_file_of_other_contents_is_found_and_written_again(wherry: Wherry, image: str) -> None:
    path = wherry.root / "oci-layout"
    good = path.read_bytes()
    for wrong in (b'{"imageLayoutVersion":"1.0.1"}', b"{}", b"[" * 100_000, b"\xff{}"):
        path.write_bytes(wrong)
        found = wherry.run("system", "check")
        assert found.returncode == 1 and "oci-layout" in found.stdout
        wherry("system", "check", "--repair")
        assert path.read_bytes() == good


@pytest.mark.parametrize("how", STRANGE)
@pytest.mark.parametrize("part", ["config", "manifest"])
def test_in_the_place_of_a_blob_it_hurts_only_that_image_and_a_build_heals_it(
    wherry: Wherry, tmp_path: Path, image: str, part: str, how: str
) -> None:
    store = Store(str(wherry.root))
    record = store.images.get(image)
    store.database.close()
    assert record is not None
    path = blob(wherry, record.id if part == "config" else record.manifest)
    good = path.read_bytes()
    STRANGE[how](path)
    wherry("images")
    wherry("ps", "-a")
    wherry("prune", "-f")
    wherry.fails("save", "-o", str(tmp_path / "x.tar"), "img", code=1)
    assert wherry.run("system", "check").returncode == 1
    assert build_two_layers(wherry, tmp_path / "c") == image
    assert path.read_bytes() == good and not path.is_symlink()
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", STRANGE)
def test_a_blob_that_nothing_needs_goes_whatever_it_is(wherry: Wherry, image: str, how: str) -> None:
    path = wherry.root / "blobs/sha256" / ("a" * 64)
    STRANGE[how](path)
    wherry("prune", "-f")
    assert not os.path.lexists(path)


@pytest.mark.parametrize("how", STRANGE)
def test_in_the_place_of_a_builds_record_it_is_no_build_and_prune_takes_it(
    wherry: Wherry, image: str, how: str
) -> None:
    (record,) = (wherry.root / "builds").iterdir()
    STRANGE[how](record)
    wherry.run("explain")
    wherry("prune", "-af")
    assert list((wherry.root / "builds").iterdir()) == []


def test_a_folder_among_the_builds_records_does_not_keep_the_others(tmp_path: Path) -> None:
    (tmp_path / "builds/0000000000000-x").mkdir(parents=True)
    builds = Builds(str(tmp_path))
    for number in range(MOST + 1):
        builds.add({"began": number, "id": "0"})
    assert len(os.listdir(tmp_path / "builds")) == MOST


@pytest.mark.parametrize("how", STRANGE)
def test_in_the_place_of_the_logs_index_it_goes(wherry: Wherry, image: str, how: str) -> None:
    STRANGE[how](wherry.root / "wherry.db-shm")
    assert "img" in wherry("images")
    wherry("tag", "img", "other")
    assert wherry("system", "check") == "nothing is wrong"


def test_the_logs_index_stays_while_another_process_may_have_the_right_one(
    wherry: Wherry, image: str
) -> None:
    other = sqlite3.connect(wherry.root / "wherry.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM names").fetchall()
    folder(wherry.root / "wherry.db-shm")
    assert "--repair" in wherry.fails("images", code=1)
    other.execute("COMMIT")
    other.close()
    assert "img" in wherry("images")


@pytest.mark.parametrize("how", STRANGE)
@pytest.mark.parametrize("end", ["", "-wal"])
def test_in_the_place_of_the_database_it_is_said_and_repair_makes_another(
    wherry: Wherry, image: str, end: str, how: str
) -> None:
    STRANGE[how](wherry.root / f"wherry.db{end}")
    assert "--repair" in wherry.fails("images", code=1)
    done = wherry.run("system", "check", "--repair")
    assert done.returncode == 0, done
    assert "img" in wherry("images")
    assert wherry("system", "check") == "nothing is wrong"
    # And once more, where what the first time left is in the way.
    (wherry.root / f"wherry.db{end}").unlink(missing_ok=True)
    STRANGE[how](wherry.root / f"wherry.db{end}")
    assert wherry.run("system", "check", "--repair").returncode == 0
    assert "img" in wherry("images")


def test_repair_writes_the_record_of_a_container_whose_folder_is_gone(bb: Wherry) -> None:
    bb("create", "--name", "box", "bb", "true")
    (bb.root / "containers").rename(bb.root / "gone")
    bb("system", "check", "--repair")
    assert bb("system", "check") == "nothing is wrong"
    assert bb.run("start", "-a", "box").returncode == 0


@pytest.mark.parametrize("how", STRANGE)
def test_repair_writes_a_containers_record_whatever_lies_in_its_place(bb: Wherry, how: str) -> None:
    bb("create", "--name", "box", "bb", "true")
    (record,) = (bb.root / "containers").glob("*/record.json")
    good = json.loads(record.read_text())
    STRANGE[how](record)
    assert bb.run("system", "check").returncode == 1
    bb("system", "check", "--repair")
    assert json.loads(record.read_text()) == good


@pytest.mark.parametrize("how", STRANGE)
def test_in_the_place_of_a_short_link_it_is_replaced(bb: Wherry, how: str) -> None:
    short = next((bb.root / "l").iterdir())
    good = os.readlink(short)
    STRANGE[how](short)
    assert bb("run", "--rm", "bb", "echo", "right") == "right"
    assert os.readlink(short) == good


@pytest.mark.parametrize("how", STRANGE)
def test_in_the_place_of_a_lock_nothing_else_is_locked_or_written(tmp_path: Path, how: str) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in/lock"
    STRANGE[how](path)
    first = locks.attempt(str(path))
    assert first is not None
    assert locks.attempt(str(path)) is None
    locks.release(first)
    second = locks.attempt(str(path))
    assert second is not None
    locks.release(second)
    if how == "link":
        assert (tmp_path / "elsewhere").read_text() == "elsewhere"
        assert not path.is_symlink()


@pytest.mark.parametrize("how", STRANGE)
def test_in_the_place_of_a_containers_log_it_is_moved_aside_and_nothing_else_is_written(
    bb: Wherry, how: str
) -> None:
    bb("create", "--name", "box", "bb", "echo", "hello")
    (place,) = (bb.root / "containers").iterdir()
    STRANGE[how](place / "log.json")
    assert bb("start", "-a", "box") == "hello"
    assert bb("logs", "box") == "hello"
    if how == "link":
        assert (place.parent / "elsewhere").read_text() == "elsewhere"


def test_a_log_whose_lines_are_of_wrong_types_is_read_without_them(bb: Wherry) -> None:
    bb.run("run", "--name", "box", "bb", "echo", "hello")
    (log,) = (bb.root / "containers").glob("*/log.json")
    rows = [b'{"log":1,"stream":"stdout","time":"x"}', b"[" * 100_000, b"3", b'{"log":"a"}']
    log.write_bytes(b"\n".join(rows) + b"\n" + log.read_bytes())
    assert bb("logs", "box") == "hello"


def test_a_file_that_two_processes_put_in_a_folders_place_is_there(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    full_folder(tmp_path / "file")
    for text in (b"one", b"two"):
        write_file(str(tmp_path / "tmp"), str(tmp_path / "file"), text)
        assert (tmp_path / "file").read_bytes() == text
    assert os.listdir(tmp_path / "tmp") == []


@pytest.mark.parametrize("how", STRANGE)
def test_what_lay_in_a_layers_place_leaves_nothing_behind(
    wherry: Wherry, tmp_path: Path, image: str, how: str
) -> None:
    layer = next((wherry.root / "layers").iterdir())
    layer.rename(tmp_path / "away")
    STRANGE[how](layer)
    wherry.run("system", "check", "--repair")
    build_two_layers(wherry, tmp_path / "c")
    wherry("prune", "-f")
    assert wherry("system", "check") == "nothing is wrong"
    assert list((wherry.root / "tmp").iterdir()) == []
