"""What is damaged or lost hurts only those who need it, is named, and is healed by whoever tells of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.image import blob, build_two_layers, diff_ids, flip, tree
from support.wherry import Wherry
from wherry.store import Store
from wherry.store.layerrecord import LayerInfo

HURTS: dict[str, Callable[[Path], object]] = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
}


def damage_layer_tree(path: Path, how: str) -> None:
    file = next(path.iterdir())
    if how == "gone":
        shutil.rmtree(path)
    else:
        HURTS[how](file)


def records(wherry: Wherry, image: str) -> tuple[str, str]:
    """(config, manifest) of an image."""
    store = Store(str(wherry.root))
    record = store.images.get(image)
    assert record is not None
    store.database.close()
    return record.id, record.manifest


@pytest.mark.parametrize("change", [b"hellO", b"hell", b"hello!", b""])
def test_putting_a_blob_again_replaces_a_damaged_one(tmp_path: Path, change: bytes) -> None:
    store = Store.open(str(tmp_path / "s"))
    digest = store.blobs.put(b"hello")
    Path(store.blobs.path(digest)).write_bytes(change)
    assert not store.blobs.is_whole(digest)
    assert store.blobs.put(b"hello") == digest
    assert store.blobs.read(digest) == b"hello"
    assert os.listdir(store.temporary) == []


@pytest.mark.parametrize("how", HURTS)
@pytest.mark.parametrize("part", ["config", "manifest"])
def test_building_again_heals_a_damaged_config_or_manifest(
    wherry: Wherry, tmp_path: Path, part: str, how: str
) -> None:
    image = build_two_layers(wherry, tmp_path / "c")
    path = blob(wherry, records(wherry, image)[part == "manifest"])
    good = path.read_bytes()
    HURTS[how](path)
    assert build_two_layers(wherry, tmp_path / "c") == image
    assert path.read_bytes() == good
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", HURTS)
@pytest.mark.parametrize("part", ["config", "manifest"])
def test_loading_again_heals_a_damaged_config_or_manifest(
    wherry: Wherry, tmp_path: Path, part: str, how: str
) -> None:
    image = build_two_layers(wherry, tmp_path / "c")
    wherry("save", "-o", str(tmp_path / "x.tar"), "img")
    path = blob(wherry, records(wherry, image)[part == "manifest"])
    good = path.read_bytes()
    HURTS[how](path)
    wherry("load", "-i", str(tmp_path / "x.tar"))
    if part == "config":
        assert path.read_bytes() == good
    assert json.loads(wherry("inspect", "img"))[0]["Id"] == image
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", HURTS)
def test_one_damaged_config_hurts_no_command_that_does_not_need_it(
    wherry: Wherry, tmp_path: Path, how: str
) -> None:
    bad = build_two_layers(wherry, tmp_path / "c", "bad")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/three").write_text("three")
    wherry.build(tmp_path / "d", "FROM scratch\nCOPY three /three\n", "-t", "good")
    layers = sorted(os.listdir(wherry.root / "layers"))
    own = {each.removeprefix("sha256:") for each in diff_ids(wherry, "bad")}
    HURTS[how](blob(wherry, bad))
    listed = wherry.run("images")
    assert listed.returncode == 0 and "good" in listed.stdout and "damaged" in listed.stdout
    assert bad[7:19] in listed.stderr and listed.stderr.count("\n") == 1
    assert bad[7:19] in wherry("images", "-q")
    wherry("ps", "-a")
    wherry("history", "good")
    wherry("prune", "-af")
    wherry("save", "-o", str(tmp_path / "x.tar"), "good")
    wherry("tag", "bad", "b2")
    assert sorted(os.listdir(wherry.root / "layers")) == layers
    assert bad[7:19] in wherry.fails("history", "bad", code=1)
    wherry("rmi", "b2")
    wherry("rmi", "good")
    assert own <= set(os.listdir(wherry.root / "layers"))
    wherry("rmi", "bad")
    assert "bad" not in wherry("images")


def test_collect_removes_nothing_where_neither_config_nor_manifest_can_be_read(
    wherry: Wherry, tmp_path: Path
) -> None:
    bad = build_two_layers(wherry, tmp_path / "c", "bad")
    for digest in records(wherry, bad):
        flip(blob(wherry, digest))
    layers = sorted(os.listdir(wherry.root / "layers"))
    done = wherry.run("prune", "-af")
    assert done.returncode == 0 and bad[:19] in done.stderr
    assert sorted(os.listdir(wherry.root / "layers")) == layers
    wherry("rmi", "bad")
    wherry("prune", "-af")
    assert os.listdir(wherry.root / "layers") == []


def test_a_damaged_image_index_hides_no_image_and_its_name_can_go(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/f").write_text("f")
    index = wherry.build(
        tmp_path / "c", "FROM scratch\nCOPY f /f\n", "--platform", "linux/amd64,linux/arm64", "-t", "multi"
    )
    build_two_layers(wherry, tmp_path / "d")
    flip(blob(wherry, index))
    listed = wherry.run("images")
    assert listed.returncode == 0 and "img" in listed.stdout and index[:19] in listed.stderr
    assert wherry("rmi", "multi") == "Untagged: multi:latest"
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", HURTS)
def test_a_damaged_gzip_layer_is_said_and_packed_again_from_its_tree(
    wherry: Wherry, tmp_path: Path, how: str
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    gzip = f"type=oci,dest={tmp_path}/x.tar,compression=gzip"
    wherry("build", "-q", "-o", gzip, str(tmp_path / "c"))
    first = (tmp_path / "x.tar").read_bytes()
    damaged = [p for p in (wherry.root / "blobs/sha256").iterdir() if p.read_bytes()[:2] == b"\x1f\x8b"]
    assert len(damaged) == 2
    for path in damaged:
        HURTS[how](path)
    done = wherry.run("build", "-q", "-o", gzip, str(tmp_path / "c"))
    assert done.returncode == 0
    assert ("is damaged" in done.stderr) == (how != "gone")
    assert (tmp_path / "x.tar").read_bytes() == first
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", HURTS)
def test_a_loaded_layers_damaged_blob_is_done_without_and_healed_by_loading_again(
    wherry: Wherry, tmp_path: Path, how: str
) -> None:
    other = Wherry(tmp_path / "other")
    build_two_layers(other, tmp_path / "c")
    other("save", "-o", str(tmp_path / "x.tar"), "img")
    wherry("load", "-i", str(tmp_path / "x.tar"))
    ids = diff_ids(wherry)
    good = {each: blob(wherry, each).read_bytes() for each in ids}
    for each in ids:
        HURTS[how](blob(wherry, each))
    wherry("save", "-o", str(tmp_path / "y.tar"), "img")
    assert (tmp_path / "y.tar").read_bytes() == (tmp_path / "x.tar").read_bytes()
    wherry("load", "-i", str(tmp_path / "x.tar"))
    assert {each: blob(wherry, each).read_bytes() for each in ids} == good
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", HURTS)
def test_a_lost_or_changed_tree_of_a_loaded_image_is_unpacked_again(
    wherry: Wherry, tmp_path: Path, how: str
) -> None:
    other = Wherry(tmp_path / "other")
    build_two_layers(other, tmp_path / "c")
    other("save", "-o", str(tmp_path / "x.tar"), "img")
    wherry("load", "-i", str(tmp_path / "x.tar"))
    for each in diff_ids(wherry):
        damage_layer_tree(tree(wherry, each), how)
    if how != "gone":
        # Who looks only whether the tree is there cannot know: it is the check, or a boot, that finds it.
        assert "changed on disk" in wherry.run("system", "check").stdout
        assert "unpacked again from blob" in wherry("system", "check", "--repair")
    wherry.build(tmp_path / "e", "FROM img\nCOPY --from=img /one /three\n", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out/one").read_text() == "one" * 1000
    assert (tmp_path / "out/two").read_text() == "two" * 1000
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", HURTS)
def test_a_foreign_layer_whose_blob_is_damaged_stays_of_use_and_is_healed_by_loading_again(
    wherry: Wherry, tmp_path: Path, how: str
) -> None:
    foreign_archive(tmp_path / "x.tar")
    wherry("load", "-i", str(tmp_path / "x.tar"))
    (layer,) = diff_ids(wherry, "foreign")
    good = blob(wherry, layer).read_bytes()
    HURTS[how](blob(wherry, layer))
    assert layer in wherry.fails("save", "-o", str(tmp_path / "y.tar"), "foreign", code=1)
    for words in (("system", "check"), ("system", "check", "--repair"), ("system", "check", "--repair")):
        done = wherry.run(*words)
        assert done.returncode == 1 and f"layer {layer}: cannot be verified" in done.stdout
    wherry.build(tmp_path / "c", "FROM foreign\n", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out/z").read_text() == "z"
    wherry("load", "-i", str(tmp_path / "x.tar"))
    assert blob(wherry, layer).read_bytes() == good
    assert wherry("system", "check") == "nothing is wrong"


def foreign_archive(path: Path) -> None:
    """A docker-archive whose layer is a tar that we would write otherwise."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("z", "a"):
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(name.encode()))
    diff_id = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    rootfs = {"type": "layers", "diff_ids": [diff_id]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    manifest = [{"Config": "config.json", "RepoTags": ["foreign:latest"], "Layers": ["layer.tar"]}]
    parts = {"config.json": json.dumps(config), "manifest.json": json.dumps(manifest)}
    with tarfile.open(path, "w") as tar:
        for name, data in [(n, t.encode()) for n, t in parts.items()] + [("layer.tar", layer.getvalue())]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def test_a_lost_tree_without_a_blob_is_a_miss_for_a_build_and_an_error_for_save(
    wherry: Wherry, tmp_path: Path
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    lost = diff_ids(wherry)[1]
    shutil.rmtree(tree(wherry, lost))
    for words in (("save", "-o", str(tmp_path / "x.tar"), "img"), ("create", "img", "x")):
        assert lost in wherry.fails(*words)
    assert not (tmp_path / "x.tar").exists()
    assert f"layer {lost}: has lost its tree" in wherry.run("system", "check").stdout
    build_two_layers(wherry, tmp_path / "c")
    assert (tree(wherry, lost) / "two").read_text() == "two" * 1000
    assert wherry("system", "check") == "nothing is wrong"


def test_a_changed_tree_that_save_finds_is_made_again_by_the_next_build(
    wherry: Wherry, tmp_path: Path
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    changed = diff_ids(wherry)[0]
    flip(tree(wherry, changed) / "one")
    assert changed in wherry.fails("save", "-o", str(tmp_path / "x.tar"), "img", code=1)
    build_two_layers(wherry, tmp_path / "c")
    assert (tree(wherry, changed) / "one").read_text() == "one" * 1000
    wherry("save", "-o", str(tmp_path / "x.tar"), "img")
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert f"blobs/sha256/{changed[7:]}" in tar.getnames()


@pytest.mark.root
@pytest.mark.runtime
def test_a_missing_or_wrong_short_link_is_made_again(bb: Wherry, tmp_path: Path) -> None:
    link = next((bb.root / "l").iterdir())
    good = os.readlink(link)
    for wrong in (None, "../layers/elsewhere", str(tmp_path)):
        link.unlink()
        if wrong is not None:
            link.symlink_to(wrong)
        assert bb("run", "--rm", "bb", "echo", "right") == "right"
        assert os.readlink(link) == good


@pytest.mark.parametrize("folder", ["tmp", "l", "containers"])
def test_a_missing_folder_is_made_again(wherry: Wherry, tmp_path: Path, folder: str) -> None:
    image = build_two_layers(wherry, tmp_path / "c")
    shutil.rmtree(wherry.root / folder)
    assert build_two_layers(wherry, tmp_path / "c") == image
    wherry("save", "-o", str(tmp_path / "x.tar"), "img")
    assert wherry("system", "check") == "nothing is wrong"


def test_without_its_layers_folder_a_build_makes_every_step_again(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    ids = diff_ids(wherry)
    shutil.rmtree(wherry.root / "layers")
    build_two_layers(wherry, tmp_path / "c")
    assert diff_ids(wherry) == ids
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.parametrize("how", ["cut", "empty", "gone"])
@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_the_layouts_files_are_written_again_from_the_records(
    wherry: Wherry, tmp_path: Path, name: str, how: str
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    good = (wherry.root / name).read_bytes()
    HURTS[how](wherry.root / name)
    assert "img" in wherry("images")
    assert (wherry.root / name).read_bytes() == good


def test_a_tree_without_a_record_is_not_taken_for_a_layer(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    diff_id = "sha256:" + "1" * 64
    os.mkdir(store.layers.path(diff_id))
    (Path(store.layers.path(diff_id)) / "half").write_text("half")
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "all").write_text("all")
    store.layers.add(str(whole), LayerInfo(diff_id, 3, 10))
    assert os.listdir(store.layers.path(diff_id)) == ["all"]
    assert os.listdir(store.temporary) == []


READING = ("images", "ps -a", "history bb", "inspect box", "system check")


def in_a_mount_namespace(wherry: Wherry, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script whose $0 is the store and whose arguments are the command."""
    return subprocess.run(
        ["unshare", "--mount", "sh", "-ec", script, str(wherry.root), *wherry.prefix],
        capture_output=True,
        text=True,
        env=wherry.env,
        check=False,
    )


@pytest.mark.root
@pytest.mark.parametrize("wal", [False, True])
def test_every_command_that_reads_works_on_a_read_only_store(bb: Wherry, wal: bool) -> None:
    bb("create", "--name", "box", "bb", "true")
    store = Store(str(bb.root))
    if wal:  # as a command that was killed leaves it
        store.cache.put("key", "value", {})
    read = "".join(f'"$@" {words}; ' for words in READING)
    done = in_a_mount_namespace(
        bb, f'mount --bind $0 $0; mount -o remount,ro,bind $0; {read} if "$@" tag bb other; then exit 2; fi'
    )
    assert (bb.root / "wherry.db-wal").exists() == wal
    store.database.close()
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "box" in done.stdout and "nothing is wrong" in done.stdout
    assert "other" not in bb("images")


UNTRUSTED = ("save -o {out}/x.tar img", "cp box:/one {out}/one", "history img")


@pytest.mark.root
@pytest.mark.parametrize("way", ["read-only", "full"])
def test_a_layer_that_must_be_verified_first_is_read_where_nothing_can_be_written(
    wherry: Wherry, tmp_path: Path, way: str
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "img", "true")
    copy = tmp_path / "copy"
    copy.mkdir()
    read = "".join(f'timeout 60 "$@" --root {copy}/s {w.format(out=tmp_path)}; ' for w in UNTRUSTED)
    use_up = {"read-only": "mount -o remount,ro copy {}", "full": "cat /dev/zero >{}/z || :"}[way]
    script = f"mount -t tmpfs -o size=8m copy {copy}; cp -a $0 {copy}/s; {use_up.format(copy)}; {read}"
    done = in_a_mount_namespace(wherry, script)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert (tmp_path / "one").read_text() == "one" * 1000
    wherry("rm", "box")
    wherry("rmi", "img")
    wherry("load", "-i", str(tmp_path / "x.tar"))
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.root
def test_every_command_that_reads_works_on_a_full_disk_and_one_that_writes_says_so(bb: Wherry) -> None:
    bb("create", "--name", "box", "bb", "true")
    copy = bb.root.parent / "full"
    copy.mkdir()
    read = "".join(f'"$@" --root {copy}/s {words}; ' for words in READING)
    tag = f'"$@" --root {copy}/s tag bb other'
    done = in_a_mount_namespace(
        bb,
        f"mount -t tmpfs -o size=12m full {copy}; cp -a $0 {copy}/s; cat /dev/zero >{copy}/z || :; {read}"
        f"if {tag}; then exit 2; fi; rm {copy}/z; {tag}",
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "box" in done.stdout and "nothing is wrong" in done.stdout
    assert done.stderr.count("the disk is full") == 1
