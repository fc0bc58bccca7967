"""A kill before each step of everything that makes or removes something in the store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.kills import kills
from wherry.containers.volumes import container_mounts
from wherry.errors import NotFoundError
from wherry.store import ContainerRecord, ImageRecord, LayerInfo, Store
from wherry.store.containerconfig import ContainerConfig, ProcessConfig, VolumeMount

pytestmark = pytest.mark.mounts

DIFF_ID = "sha256:" + "1" * 64
FILES = 12
INFO = LayerInfo(DIFF_ID, FILES, 10240)


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "s")


def opened(root: str) -> Store:
    """The store as the next command finds it: swept."""
    store = Store.open(root)
    assert os.listdir(store.temporary) == []
    return store


def add_layer(root: str) -> None:
    store = Store.open(root)
    with store.temp() as folder:
        tree = f"{folder}/tree"
        os.makedirs(f"{tree}/below")
        for number in range(FILES):
            Path(f"{tree}/below/{number}").write_text("x")
        store.layers.add(tree, INFO)
        assert not os.path.exists(tree)


def files_of(store: Store) -> int:
    return len(os.listdir(os.path.join(store.layers.path(DIFF_ID), "below")))


def test_a_layer_that_is_recorded_is_whole_and_another_add_mends_the_rest(root: str) -> None:
    for _ in kills(lambda: add_layer(root)):
        store = opened(root)
        if store.layers.has(DIFF_ID):
            assert files_of(store) == FILES
        store.database.close()
        add_layer(root)
        store = opened(root)
        assert store.layers.has(DIFF_ID) and files_of(store) == FILES
        assert os.path.isdir(store.layers.link(DIFF_ID))
        store.layers.remove(DIFF_ID)
        store.database.close()


def test_a_half_removed_layer_is_never_taken_for_whole(root: str) -> None:
    add_layer(root)

    def remove() -> None:
        Store.open(root).layers.remove(DIFF_ID)

    for _ in kills(remove):
        store = opened(root)
        if store.layers.has(DIFF_ID):
            assert files_of(store) == FILES
        store.database.close()
        add_layer(root)
        store = opened(root)
        assert files_of(store) == FILES
        store.database.close()


def test_who_comes_second_with_a_layer_keeps_nothing_of_its_tree(root: str) -> None:
    add_layer(root)
    first = os.stat(Store.open(root).layers.path(DIFF_ID)).st_ino
    add_layer(root)
    store = opened(root)
    assert os.stat(store.layers.path(DIFF_ID)).st_ino == first and files_of(store) == FILES


def test_what_a_removal_that_was_killed_left_in_place_is_collected(root: str) -> None:
    store = Store.open(root)
    stale = Path(store.layers.path(DIFF_ID))
    (stale / "below").mkdir(parents=True)
    store.collect()
    assert not stale.exists() and os.listdir(store.temporary) == []


RECORD = ContainerRecord("c" * 64, "name", "sha256:i", "image", 1.0, ContainerConfig(ProcessConfig()))


@pytest.fixture
def with_image(root: str) -> str:
    store = Store.open(root)
    store.images.add(ImageRecord(RECORD.image_id, "sha256:m", 1.0))
    store.database.close()
    return root


def assert_folders_are_those_of_records(store: Store) -> bool:
    known = {record.id for record in store.containers.all()}
    assert set(os.listdir(os.path.join(store.root, "containers"))) == known
    return bool(known)


def test_a_container_s_folder_and_record_come_together(with_image: str) -> None:
    def create() -> None:
        Store.open(with_image).containers.add(RECORD)

    for _ in kills(create):
        store = opened(with_image)
        if assert_folders_are_those_of_records(store):
            store.containers.remove(RECORD.id)
        store.database.close()


def test_a_container_s_folder_and_record_go_together(with_image: str) -> None:
    def remove() -> None:
        Store.open(with_image).containers.remove(RECORD.id)

    store = Store.open(with_image)
    store.containers.add(RECORD)
    Path(store.containers.dir(RECORD.id), "upper").mkdir()
    store.database.close()
    for _ in kills(remove):
        store = opened(with_image)
        if not assert_folders_are_those_of_records(store):
            store.containers.add(RECORD)
            Path(store.containers.dir(RECORD.id), "upper").mkdir()
        store.database.close()


def test_a_name_that_is_taken_leaves_no_folder_and_no_mark(with_image: str) -> None:
    import sqlite3

    store = Store.open(with_image)
    store.containers.add(RECORD)
    with pytest.raises(sqlite3.IntegrityError):
        store.containers.add(RECORD._replace(id="d" * 64))
    assert assert_folders_are_those_of_records(store)
    assert os.listdir(store.temporary) == []


def test_a_container_whose_image_is_gone_leaves_no_folder_and_no_mark(root: str) -> None:
    store = Store.open(root)
    with pytest.raises(NotFoundError, match="No such image: image"):
        store.containers.add(RECORD)
    assert not assert_folders_are_those_of_records(store)
    assert os.listdir(store.temporary) == []


def test_a_folder_without_a_record_is_collected_but_not_where_all_records_are_lost(root: str) -> None:
    store = Store.open(root)
    lost = Path(store.containers.dir("e" * 64))
    lost.mkdir()
    store.collect()
    assert lost.exists()
    store.images.add(ImageRecord(store.blobs.put(b'{"rootfs":{"diff_ids":[]}}'), "sha256:m", 1.0))
    store.collect()
    assert not lost.exists()


def test_a_cache_mount_is_there_or_gone_and_always_listed(root: str) -> None:
    def fill() -> None:
        store = Store.open(root)
        with store.cache_mounts.use("mine", "locked") as path:
            if not os.path.isdir(path):
                os.mkdir(path)
            Path(path, "file").write_text("x")

    def remove() -> None:
        store = Store.open(root)
        for mount in store.cache_mounts.all():
            assert store.cache_mounts.remove(mount.path)

    for act in (fill, remove):
        for _ in kills(act):
            store = opened(root)
            folders = [p for p in Path(root).glob("caches/*") if p.is_dir()]
            assert [mount.path for mount in store.cache_mounts.all()] == [str(path) for path in folders]
            assert all(mount.id == "mine" and not mount.busy for mount in store.cache_mounts.all())
            store.database.close()
            fill()


def test_a_new_volume_is_whole_or_not_there(root: str, tmp_path: Path) -> None:
    image = tmp_path / "image"
    (image / "data").mkdir(parents=True)
    for number in range(FILES):
        (image / f"data/{number}").write_text("x")
    volume = Path(root, "volumes/vol")
    config = ContainerConfig(ProcessConfig(), volumes=(VolumeMount("vol", "/data"),))

    def fill() -> None:
        container_mounts(Store.open(root), "c", config, str(image))

    for _ in kills(fill):
        store = opened(root)
        assert not volume.exists() or len(list(volume.iterdir())) == FILES
        assert not volume.parent.exists() or os.listdir(volume.parent) in ([], ["vol"])
        assert [record.name for record in store.volumes.all()] == (["vol"] if volume.exists() else [])
        store.database.close()


def test_a_volume_that_is_removed_is_whole_or_gone(root: str) -> None:
    volume = Path(root, "volumes/vol")

    def make() -> None:
        volume.mkdir(parents=True, exist_ok=True)
        for number in range(FILES):
            (volume / str(number)).write_text("x")
        Store.open(root).volumes.adopt("vol")

    def remove() -> None:
        Store.open(root).volumes.remove("vol")

    make()
    for _ in kills(remove):
        store = opened(root)
        assert not volume.exists() or len(list(volume.iterdir())) == FILES
        assert store.volumes.all() or not volume.exists()
        store.database.close()
        make()


def test_the_index_and_the_layout_file_are_whole(root: str) -> None:
    import json

    def name() -> None:
        store = Store.open(root)
        image = store.blobs.put(b'{"rootfs":{"diff_ids":[]}}')
        store.images.add(ImageRecord(image, image, 1.0))
        store.names.set("docker.io/library/x:1", image)

    for number in kills(name):
        store = opened(root)
        index = json.loads(Path(root, "index.json").read_text())
        assert len(index["manifests"]) in ((0, 1) if number else (1,))
        assert json.loads(Path(root, "oci-layout").read_text())["imageLayoutVersion"] == "1.0.0"
        assert {p.name for p in Path(root).iterdir() if not p.is_dir()} <= {
            "index.json",
            "oci-layout",
            "lock",
            "wherry.db",
            "wherry.db-wal",
            "wherry.db-shm",
        }
        store.database.close()


def test_an_import_of_a_cache_mount_keeps_the_old_one_or_has_the_new_one(root: str, tmp_path: Path) -> None:
    import io
    import tarfile

    from wherry.app.caches import import_cache

    archive = tmp_path / "x.tar"
    with tarfile.open(archive, "w") as tar:
        info = tarfile.TarInfo("new")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))

    def prepare() -> Path:
        store = Store.open(root)
        with store.cache_mounts.use("mine", "locked") as path:
            if not os.path.isdir(path):
                os.mkdir(path)
            for name in os.listdir(path):
                os.unlink(os.path.join(path, name))
            Path(path, "old").touch()
            return Path(path)

    prepare()

    def import_() -> None:
        with archive.open("rb") as file:
            import_cache(Store.open(root), "mine", file)

    for _ in kills(import_):
        store = opened(root)
        assert os.listdir(store.cache_mounts.path("mine")) in (["old"], ["new"])
        store.database.close()
        prepare()
