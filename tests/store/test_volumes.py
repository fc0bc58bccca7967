"""Named volumes have records; what lies in a volume is never lost for want of one."""

from __future__ import annotations

import os
import sqlite3
import tarfile
from pathlib import Path

import pytest

from support.image import build_two_layers
from support.wherry import Wherry
from wherry.errors import ConflictError
from wherry.store import Store
from wherry.store.volumes import COMMAND, VolumeRecord

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "s"))


def folder(store: Store, name: str) -> Path:
    path = Path(store.volumes.path(name))
    path.mkdir(parents=True)
    (path / "mine").write_text("mine")
    return path


def test_a_volume_of_an_older_store_is_adopted_and_keeps_its_files(tmp_path: Path) -> None:
    with tarfile.open(FIXTURES / "store-2.tar.gz") as tar:
        tar.extractall(tmp_path, filter="fully_trusted")
    store = Store.open(str(tmp_path / "store"))
    (record,) = store.volumes.all()
    assert (record.name, record.maker) == ("pages", "") and record.created > 0
    assert store.database.execute("SELECT name FROM volumes") == [("pages",)]
    assert (tmp_path / "store/volumes/pages/index.html").read_text() == "page\n"
    assert (
        list(store.volumes.users()["pages"]) == [store.containers.find("")[0].id] or store.volumes.users()
    )


def test_a_record_says_when_and_by_whom_a_volume_was_made(store: Store) -> None:
    folder(store, "a")
    store.volumes.add(VolumeRecord("a", 5.0, COMMAND, (("k", "v"),)))
    store.volumes.adopt("a")
    assert store.volumes.get("a") == VolumeRecord("a", 5.0, COMMAND, (("k", "v"),))


def test_what_no_volume_is_called_and_what_is_no_folder_is_no_volume(store: Store) -> None:
    folder(store, "a")
    parent = Path(store.volumes.folder)
    (parent / ".hidden").mkdir()
    (parent / "file").write_text("")
    (parent / "link").symlink_to(parent / "a")
    assert [record.name for record in store.volumes.all()] == ["a"]


def test_a_volume_that_a_container_is_to_mount_is_not_removed(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "-v", "a:/a", "img", "/one")
    store = Store.open(str(wherry.root))
    path = folder(store, "a")
    with pytest.raises(ConflictError, match="remove a: volume is in use - "):
        store.volumes.remove("a")
    assert (path / "mine").exists()
    wherry("rm", "box")
    store.volumes.remove("a")
    store.volumes.remove("a")
    assert store.volumes.all() == [] and not path.exists()
    assert os.listdir(wherry.root / "tmp") == []


def test_a_record_without_a_folder_is_a_volume_that_is_still_to_begin(wherry: Wherry) -> None:
    store = Store.open(str(wherry.root))
    store.volumes.add(VolumeRecord("a", 5.0, COMMAND))
    assert [record.name for record in store.volumes.all()] == ["a"]
    assert wherry("system", "check") == "nothing is wrong"
    store.volumes.remove("a")
    assert store.volumes.all() == []


def test_the_first_word_about_who_made_a_volume_counts(store: Store) -> None:
    folder(store, "a")
    store.volumes.adopt("a")
    store.volumes.add(VolumeRecord("a", 5.0, "container"))
    store.volumes.add(VolumeRecord("a", 6.0, "another"))
    assert store.volumes.get("a") == VolumeRecord("a", 5.0, "container")


def test_a_database_that_is_made_again_has_the_volumes(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    store = Store.open(str(wherry.root))
    path = folder(store, "a")
    store.database.close()
    for end in ("", "-wal", "-shm"):
        (wherry.root / f"wherry.db{end}").unlink(missing_ok=True)
    assert "1 volume" in wherry("system", "check", "--repair")
    connection = sqlite3.connect(wherry.root / "wherry.db")
    assert connection.execute("SELECT name FROM volumes").fetchall() == [("a",)]
    connection.close()
    assert (path / "mine").read_text() == "mine"


@pytest.mark.mounts
def test_the_container_that_begins_a_volume_is_its_maker(bb: Wherry) -> None:
    bb("run", "--name", "one", "-v", "data:/d", "bb", "touch", "/d/x")
    bb("run", "--rm", "-v", "data:/d", "bb", "true")
    one = bb("ps", "-aq", "--no-trunc")
    (record,) = Store.open(str(bb.root)).volumes.all()
    assert (record.name, record.maker) == ("data", one)
