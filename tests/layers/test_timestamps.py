"""Layers that do not say when, and in which way, they were made."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

from support.edits import BASE, EDITS
from support.trees import full_tree, snapshot
from wherry.layers.copied import Copied
from wherry.layers.entry import NEW
from wherry.layers.normalize import normalize
from wherry.layers.pack import pack
from wherry.layers.remove import remove_tree
from wherry.layers.snapshots import Overlay, Snapshots
from wherry.layers.timestamps import moment, rewritten
from wherry.layers.tree import walk
from wherry.layers.view import View
from wherry.layers.whiteout import is_opaque
from wherry.sandbox.mounts import enter_private_mounts

pytestmark = pytest.mark.root

MORE = {
    "changed and put back": "chmod 600 d/one; chmod 644 d/one; chmod 700 g; chmod 755 g",
    "opened for writing": ": >> d/e/two; touch -d @1000000000 d/e/two",
    "the same bytes again": "echo 2 > d/e/two; touch -d @1000000000 d/e/two d/e",
    "made and removed again": "mkdir -p d/e/f/tmp; rmdir d/e/f/tmp; touch d/x; rm d/x",
    "a tree replaced by itself": "cp -a d keep; rm -r d; mv keep d",
    "opaque in opaque": "rm -r d; mkdir -p d/e/f; echo n > d/e/n; rm -r d/e; mkdir d/e",
    "folders for files and back": "rm three hard; mkdir three; rmdir three; echo 3 > three",
    "old times": "touch -d @5 d/one; echo x > x; touch -d '1999-01-01 01:02:03.987' x; cp -p x y",
    "all deleted": "rm -r d g three hard link",
    "the same folder, emptied": "rm -r d/*",
}

COPY = "mkdir d2; cp -a --parents $(ls -d d g three one x y moved d/uno 2>/dev/null) d2 || rmdir d2"


def step(how: Snapshots, layers: list[str], work: Path, script: str) -> str:
    """A layer as a reproducible build makes it."""
    work.mkdir(exist_ok=True)
    opened = how.open(layers, str(work))
    try:
        since = moment(str(work))
        subprocess.run(["bash", "-c", script], cwd=opened.root, check=True)
        changes = opened.changes(since)
    finally:
        opened.close()
    normalize(changes, View(layers))
    layer = str(work.with_suffix(f".layer{len(layers)}"))
    shutil.move(changes, layer)
    return layer


@pytest.mark.parametrize("script", {**EDITS, **MORE}.values(), ids={**EDITS, **MORE}.keys())
def test_the_same_step_is_the_same_layer_whenever_and_however_it_ran(tmp_path: Path, script: str) -> None:
    enter_private_mounts()
    results = []
    # The copy goes on in the root of the step before, as a build's stage does.
    for how, same_root in ((Overlay(), False), (Copied(), False), (Copied(), True)):
        place = tmp_path / f"{how.name}{same_root}"
        place.mkdir()
        base = step(how, [], place / "base", BASE)
        top = step(how, [base], place / ("base" if same_root else "top"), script)
        last = step(how, [base, top], place / "last", COPY)
        view = View([base, top, last])
        merged = {n.name: n.status.st_mode for n in view.walk(view.root())}  # type: ignore[arg-type]
        results.append(([pack(layer).diff_id for layer in (base, top, last)], merged))
        assert not [folder for folder, _, _ in os.walk(top) if is_opaque(folder)]
        times = {item.entry.mtime for layer in (base, top, last) for item in walk(layer)}
        assert all(when == NEW or when < 1_500_000_000 for when in times), times
        if script == EDITS["create"] and how.name == "overlay":
            time.sleep(1.1 - time.time() % 1)  # into another second
    assert results[0] == results[1] == results[2]


def test_what_a_step_did_not_change_is_not_in_its_layer(tmp_path: Path) -> None:
    enter_private_mounts()
    base = step(Overlay(), [], tmp_path / "base", BASE)
    for name in ("nothing", "changed and put back", "the same bytes again", "a tree replaced by itself"):
        top = step(Overlay(), [base], tmp_path / name.replace(" ", "-"), {**EDITS, **MORE}[name])
        assert [item.entry.name for item in walk(top) if item.entry.name] == [], name


def test_a_tree_deeper_than_python_s_stack(tmp_path: Path) -> None:
    enter_private_mounts()
    deep = "$(printf 'd/%.0s' $(seq 1010))"
    base = step(Overlay(), [], tmp_path / "b", f"mkdir -p {deep}")
    top = step(Overlay(), [base], tmp_path / "t", f"rm -rf d; mkdir -p {deep}; touch {deep}f")
    try:
        assert len([item for item in walk(top) if stat.S_ISREG(item.status.st_mode)]) == 1
    finally:
        for tree in tmp_path.iterdir():  # which pytest itself could not remove
            remove_tree(str(tree))


@pytest.mark.parametrize("epoch", [0, NEW - 1, NEW, 1_000_000, 1_700_000_000, 4_000_000_000])
def test_dating_a_layer_changes_its_times_and_nothing_else(tmp_path: Path, epoch: int) -> None:
    tree = full_tree(tmp_path / "tree")
    os.mknod(tree / "dir/gone", stat.S_IFCHR, os.makedev(0, 0))
    os.setxattr(tree / "empty", "user.overlay.opaque", b"y")
    for name, when in (("setuid", NEW), ("dir/sub", NEW), ("link", NEW), ("char", 4_000_000_001)):
        os.utime(tree / name, (when, when), follow_symlinks=False)
    dest = tmp_path / "dest"
    dest.mkdir()
    made = rewritten(str(tree), str(dest), epoch)
    assert made is not None and made == pack(str(dest))
    before, after = snapshot(tree), snapshot(dest)
    for files in (before, after):  # but for times, and for what nobody reads of a whiteout
        del files[b"dir/gone"]
        files.update({name: (*of[:6], *of[7:]) for name, of in files.items()})
    assert before == after
    for old, new in zip(walk(str(tree)), walk(str(dest)), strict=True):
        was = old.entry.mtime
        assert new.entry == old.entry._replace(mtime=epoch if was == NEW else min(was, epoch))
    assert rewritten(str(dest), str(tmp_path / "again"), epoch) is None


def test_a_layer_without_such_times_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/old").touch()
    os.utime(tmp_path / "tree/old", (100, 100))
    (tmp_path / "dest").mkdir()
    assert rewritten(str(tmp_path / "tree"), str(tmp_path / "dest"), 1000) is None
    assert os.listdir(tmp_path / "dest") == []
