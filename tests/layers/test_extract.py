"""A view written out into a folder, over what lies there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from support.trees import full_tree, snapshot
from wherry.layers.extract import extract
from wherry.layers.view import View

pytestmark = pytest.mark.root


def write(view: View, dest: Path, *, owners: bool = True) -> list[str]:
    folder = os.open(dest, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return extract(view, folder, owners=owners)
    finally:
        os.close(folder)


def test_everything_that_a_tree_can_hold_comes_out_as_it_is_and_again_over_itself(tmp_path: Path) -> None:
    tree = full_tree(tmp_path / "tree")
    (tmp_path / "dest").mkdir()
    for _ in range(2):
        assert write(View([str(tree)]), tmp_path / "dest") == []
        assert snapshot(tmp_path / "dest") == snapshot(tree)
        for name in os.listdir(tree):
            times = [os.lstat(top / name).st_mtime_ns for top in (tree, tmp_path / "dest")]
            assert times[0] == times[1], name
    assert (tmp_path / "dest/sparse").stat().st_blocks < 1000


def test_of_several_layers_only_what_is_seen_comes_out(tmp_path: Path) -> None:
    for name in ("low/d", "high/d", "dest"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "low/d/gone").write_text("1")
    (tmp_path / "low/d/stays").write_text("2")
    os.mknod(tmp_path / "high/d/gone", stat.S_IFCHR, os.makedev(0, 0))
    (tmp_path / "high/d/new").write_text("3")
    write(View([str(tmp_path / "low"), str(tmp_path / "high")]), tmp_path / "dest")
    assert sorted(os.listdir(tmp_path / "dest/d")) == ["new", "stays"]


def test_what_lies_there_is_replaced_where_it_has_the_same_name_and_stays_elsewhere(tmp_path: Path) -> None:
    tree, dest = tmp_path / "tree", tmp_path / "dest"
    for folder in (tree / "folder", tree / "over-file", dest / "folder/deep", dest / "file/below"):
        folder.mkdir(parents=True)
    (tree / "folder/a").write_text("new")
    (tree / "file").write_text("file")
    (tree / "link").symlink_to("folder")
    os.mkfifo(tree / "pipe")
    (dest / "folder/a").write_text("old")
    (dest / "folder/deep/b").write_text("stays")
    (dest / "over-file").write_text("was a file")
    for name in ("link", "pipe"):
        (dest / name).mkdir()
        (dest / name / "x").touch()
    write(View([str(tree)]), dest)
    assert (dest / "folder/a").read_text() == "new"
    assert (dest / "folder/deep/b").read_text() == "stays"
    assert (dest / "file").read_text() == "file"
    assert (dest / "over-file").is_dir()
    assert os.readlink(dest / "link") == "folder"
    assert (dest / "pipe").is_fifo()
    assert sorted(os.listdir(dest)) == ["file", "folder", "link", "over-file", "pipe"]


def test_nothing_is_written_through_a_symlink_that_lies_there(tmp_path: Path) -> None:
    tree, dest, outside = tmp_path / "tree", tmp_path / "dest", tmp_path / "outside"
    for folder in (tree / "a/b", dest, outside):
        folder.mkdir(parents=True)
    for name in ("file", "a/file", "a/b/file"):
        (tree / name).write_text("from the image")
    os.link(tree / "a/b/file", tree / "hard")
    (outside / "file").write_text("untouched")
    before = snapshot(outside)
    (dest / "a").symlink_to(outside)
    (dest / "file").symlink_to(outside / "file")
    (dest / "hard").symlink_to(outside / "file")
    write(View([str(tree)]), dest)
    assert snapshot(outside) == before
    assert not (dest / "a").is_symlink() and (dest / "a/b/file").read_text() == "from the image"
    assert not (dest / "file").is_symlink()
    assert (dest / "hard").stat().st_ino == (dest / "a/b/file").stat().st_ino


def test_without_owners_all_is_the_caller_s_and_capabilities_stay_behind(tmp_path: Path) -> None:
    tree = full_tree(tmp_path / "tree")
    (tmp_path / "dest").mkdir()
    write(View([str(tree)]), tmp_path / "dest", owners=False)
    shown = tmp_path / "dest/setuid"
    assert (shown.stat().st_uid, shown.stat().st_mode & 0o7777) == (os.geteuid(), 0o6755)
    assert os.listxattr(tmp_path / "dest/hard") == []
    assert os.getxattr(tmp_path / "dest/zero", "user.note") == b"\x00\xffvalue"
