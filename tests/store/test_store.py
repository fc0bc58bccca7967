"""What the store promises: nothing wrong is used, nothing finished is lost, nothing is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.errors import CorruptError, NotFoundError, StorageError
from wherry.store import Store

WRITER = """
import os, sys
from wherry.store import Store
store = Store.open(sys.argv[1])
print("ready", flush=True)
for number in range(100_000):
    with store.temp() as folder:
        os.mkdir(f"{folder}/tree")
        for name in range(20):
            open(f"{folder}/tree/{name}", "w").write("x" * 1000)
        store.blobs.put(os.urandom(50_000))
"""


def test_a_blob_is_read_as_it_was_written_and_put_twice_is_once(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    digest = store.blobs.put(b"hello")
    assert store.blobs.put(b"hello") == digest
    assert store.blobs.read(digest) == b"hello"
    assert store.blobs.size(digest) == 5
    with pytest.raises(NotFoundError, match="not in the store"):
        store.blobs.read("sha256:" + "0" * 64)


@pytest.mark.parametrize("change", [b"hellO", b"hell", b"hello!", b""])
def test_wrong_bytes_are_named_and_never_returned(tmp_path: Path, change: bytes) -> None:
    store = Store.open(str(tmp_path / "s"))
    digest = store.blobs.put(b"hello")
    Path(store.blobs.path(digest)).write_bytes(change)
    with pytest.raises(CorruptError, match=digest):
        store.blobs.read(digest)
    with pytest.raises(CorruptError, match=digest), store.blobs.open(digest) as stream:
        while stream.read(2):
            pass


def test_a_blob_that_is_not_what_was_promised_is_not_kept(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    with pytest.raises(CorruptError, match="promised"), store.blobs.writer() as blob:
        blob.write(b"other")
        blob.commit("sha256:" + "1" * 64)
    assert os.listdir(store.blobs.folder) == []
    assert os.listdir(store.temporary) == []


def test_writers_killed_at_any_instant_leave_whole_blobs_and_no_temporary_files(tmp_path: Path) -> None:
    root = tmp_path / "s"
    for instant in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(0.003 * instant)
        process.kill()
        process.communicate()
        store = Store.open(str(root))
        assert os.listdir(store.temporary) == []
        for name in os.listdir(store.blobs.folder):
            store.blobs.read(f"sha256:{name}")
        store.database.close()


def test_a_sweep_leaves_the_files_of_the_living(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    with store.temp() as folder:
        (Path(folder) / "mine").write_text("x")
        Store.open(str(tmp_path / "s"))
        assert os.listdir(folder) == ["mine"]
    assert os.listdir(store.temporary) == []


def test_a_store_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="not a folder"):
        Store.open(str(tmp_path / "file"))
    (tmp_path / "broken").mkdir()
    Store.open(str(tmp_path / "broken")).database.close()
    (tmp_path / "broken/wherry.db").write_bytes(b"this is no database" * 1000)
    with pytest.raises(StorageError, match=r"wherry\.db"):
        Store.open(str(tmp_path / "broken")).images.all()


@pytest.mark.root
@pytest.mark.runtime
def test_each_blob_corrupted_in_turn_is_named_and_never_used(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    bb.build(context, "FROM bb\nRUN echo x > /x\nENV A=1\n", "-t", "img")
    bb("save", "-o", str(tmp_path / "x.tar"), "img")
    blobs = bb.root / "blobs/sha256"
    names = sorted(blobs.iterdir())
    assert len(names) >= 2
    for blob in names:
        good = blob.read_bytes()
        blob.write_bytes(bytes([good[0] ^ 1]) + good[1:])
        said = [
            bb.run(*words) for words in (("inspect", "img"), ("save", "-o", str(tmp_path / "y.tar"), "img"))
        ]
        failed = [done for done in said if done.returncode]
        assert all("Traceback" not in done.stderr for done in said)
        for done in failed:
            assert blob.name[:12] in done.stderr
        if not failed:
            # A blob that neither command reads: what they gave is right all the same.
            assert (tmp_path / "y.tar").read_bytes() == (tmp_path / "x.tar").read_bytes()
        blob.write_bytes(good)
    assert bb("inspect", "img")


@pytest.mark.root
def test_a_layer_tree_that_was_tampered_with_is_not_exported(bb: Wherry, tmp_path: Path) -> None:
    bb("save", "-o", str(tmp_path / "before.tar"), "bb")
    for tree in (bb.root / "layers").iterdir():
        (tree / "etc/passwd").write_text("root::0:0::/:/bin/sh\n")
    for blob in (bb.root / "blobs/sha256").iterdir():
        if not blob.read_bytes().startswith(b"{"):
            blob.unlink()
    error = bb.fails("save", "-o", str(tmp_path / "x.tar"), "bb", code=1)
    assert "sha256:" in error
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.root
@pytest.mark.runtime
def test_removing_images_frees_their_layers_and_nothing_else(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "a", "FROM bb\nRUN echo a > /a\n", "-t", "aa")
    bb.build(tmp_path / "b", "FROM aa\nRUN echo b > /b\n", "-t", "b2")
    bb("create", "--name", "user", "b2", "cat", "/a", "/b")
    assert "container" in bb.fails("rmi", "b2", code=1)
    bb("rmi", "aa")
    assert bb("start", "-a", "user") == "a\nb"
    bb("rm", "user")
    bb("rmi", "b2")
    assert bb("run", "--rm", "bb", "echo", "still") == "still"


def test_the_store_is_an_oci_layout(bb: Wherry) -> None:
    assert json.loads((bb.root / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((bb.root / "index.json").read_text())
    assert index["schemaVersion"] == 2
    for descriptor in index["manifests"]:
        algorithm, _, name = descriptor["digest"].partition(":")
        assert (bb.root / "blobs" / algorithm / name).stat().st_size == descriptor["size"]
