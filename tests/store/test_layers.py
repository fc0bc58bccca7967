"""A layer is used as it is while the boot that wrote it lasts, and verified once after that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.image import build_two_layers, diff_ids, flip, tree
from support.wherry import Wherry
from wherry.layers.pack import pack
from wherry.store import Store
from wherry.store.boot import DOUBT, came_from_disk, tree_mark
from wherry.store.layerrecord import LayerBlob, LayerInfo


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The diff IDs that were verified, as they are."""
    import wherry.store.verify as module

    seen: list[str] = []
    real = module.verify

    def counting(tree: str, diff_id: str, *rest: object) -> object:
        seen.append(diff_id)
        return real(tree, diff_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "verify", counting)
    return seen


def add_layer(store: Store, folder: Path) -> LayerInfo:
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "file").write_text("content" * 100)
    packed = pack(str(folder))
    info = LayerInfo(packed.diff_id, packed.size, packed.tar_size)
    store.layers.add(str(folder), info)
    return info


def mark(store: Store, diff_id: str) -> str:
    record = store.layers.record(diff_id)
    assert record is not None
    return record.mark


def later(store: Store) -> None:
    """As if another boot had written every layer."""
    store.database.execute("UPDATE layers SET mark='another-boot 1 2'")


def test_what_this_boot_wrote_is_not_verified_and_what_another_wrote_is_once(
    tmp_path: Path, verified: list[str]
) -> None:
    store = Store.open(str(tmp_path / "s"))
    info = add_layer(store, tmp_path / "t")
    assert store.layers.whole(info.diff_id) == info
    assert verified == []
    later(store)
    assert store.layers.whole(info.diff_id) == info
    assert verified == [info.diff_id]
    assert mark(store, info.diff_id) == tree_mark(store.layers.path(info.diff_id))
    assert store.layers.whole(info.diff_id) == info
    assert verified == [info.diff_id]


def test_a_tree_that_a_power_cut_hurt_is_no_layer_any_more(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    info = add_layer(store, tmp_path / "t")
    later(store)
    (Path(store.layers.path(info.diff_id)) / "file").write_bytes(b"")
    assert store.layers.whole(info.diff_id) is None
    add_layer(store, tmp_path / "again")
    assert store.layers.whole(info.diff_id) == info
    assert (Path(store.layers.path(info.diff_id)) / "file").read_text() == "content" * 100
    assert os.listdir(store.temporary) == []


def test_a_tree_whose_own_tar_is_another_one_is_compared_with_its_blob_once(
    tmp_path: Path, verified: list[str]
) -> None:
    import hashlib
    import io
    import tarfile

    store = Store.open(str(tmp_path / "s"))
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("z", "a"):  # not in our order
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
    digest = store.blobs.put(data.getvalue())
    diff_id = "sha256:" + hashlib.sha256(data.getvalue()).hexdigest()
    folder = tmp_path / "t"
    folder.mkdir()
    folder.chmod(0o755)
    with tarfile.open(fileobj=io.BytesIO(data.getvalue())) as tar:
        tar.extractall(folder, filter="fully_trusted")
    store.layers.add_blob(LayerBlob(diff_id, "application/vnd.oci.image.layer.v1.tar", digest, 1))
    store.layers.add(str(folder), LayerInfo(diff_id, 2, len(data.getvalue())))
    later(store)
    os.unlink(Path(store.layers.path(diff_id)) / "z")
    assert store.layers.whole(diff_id) is not None
    assert sorted(os.listdir(store.layers.path(diff_id))) == ["a", "z"]
    record = store.layers.record(diff_id)
    assert record is not None and record.packed not in ("", diff_id)
    # From now on it is known without the blob.
    os.unlink(store.blobs.path(digest))
    later(store)
    assert store.layers.whole(diff_id) is not None
    assert verified == [diff_id, diff_id]


def test_a_store_that_was_copied_is_verified_where_it_is_used(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    one, two = diff_ids(wherry)
    copy = Wherry(tmp_path / "copy")
    shutil.copytree(wherry.root, copy.root, symlinks=True)
    flip(tree(copy, one) / "one")
    build_two_layers(copy, tmp_path / "c")
    assert (tree(copy, one) / "one").read_text() == "one" * 1000
    assert diff_ids(copy) == [one, two]
    assert copy("system", "check") == "nothing is wrong"


def test_many_who_need_a_doubtful_layer_verify_it_once(tmp_path: Path, verified: list[str]) -> None:
    import threading

    store = Store.open(str(tmp_path / "s"))
    info = add_layer(store, tmp_path / "t")
    store.layers.doubt(info.diff_id)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.layers.whole(info.diff_id))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [info] * 6
    assert verified == [info.diff_id]


def test_a_record_from_before_a_removal_is_not_taken_for_the_tree_that_was_made_after_it(
    tmp_path: Path, verified: list[str]
) -> None:
    store = Store.open(str(tmp_path / "s"))
    info = add_layer(store, tmp_path / "t")
    later(store)
    assert store.layers.whole(info.diff_id) == info
    rows = store.database.execute("SELECT * FROM layers")
    store.layers.remove(info.diff_id)
    add_layer(store, tmp_path / "again")
    # The power goes: the database has lost its last seconds, the file system what was in the files.
    store.database.execute("INSERT OR REPLACE INTO layers VALUES (?,?,?,?,?,?)", *rows[0])
    (Path(store.layers.path(info.diff_id)) / "file").write_bytes(b"")
    verified.clear()
    assert store.layers.whole(info.diff_id) is None
    assert verified == [info.diff_id]


def test_only_what_came_from_the_disk_is_durable() -> None:
    now = "boot-2 fe01 99"
    assert came_from_disk("boot-1 fe01 99", now)
    assert not came_from_disk("boot-2 fe01 77", now)  # another store's, copied in this boot
    assert not came_from_disk("tree 1f 2f", now)  # another tree than that
    assert not came_from_disk(DOUBT, now)
    assert not came_from_disk(now, now)


def test_whoever_is_killed_before_a_short_name_is_there_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in its place nor beside it, where the layer's removal would leave it behind."""
    store = Store.open(str(tmp_path / "s"))
    monkeypatch.setattr("wherry.store.layers.put_in_place", lambda *_: os.kill(os.getpid(), 9))
    child = os.fork()
    if not child:
        add_layer(store, tmp_path / "tree")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert os.listdir(Path(store.root, "l")) == []
    monkeypatch.undo()
    info = add_layer(store, tmp_path / "again")
    assert os.listdir(Path(store.root, "l")) == [os.path.basename(store.layers.link(info.diff_id))]
