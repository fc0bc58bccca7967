"""Views of trees with files of the host mounted in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.errors import ContextError
from wherry.layers import view as view_module
from wherry.layers.view import Look, Node, Seen, View, look_at


@pytest.fixture
def view(tmp_path: Path) -> View:
    tree, volume = tmp_path / "tree", tmp_path / "volume"
    (tree / "data").mkdir(parents=True)
    (tree / "data/hidden").write_text("image")
    (tree / "to-volume").symlink_to("/data")
    (tree / "etc").mkdir()
    (volume / "sub").mkdir(parents=True)
    (volume / "sub/f").write_text("volume")
    (volume / "out").symlink_to("/etc")
    (tmp_path / "file").write_text("file")
    mounts = {"data": volume, "data/deep/er": tmp_path / "volume", "etc/hosts": tmp_path / "file"}
    view = View([str(tree)])
    for name, path in mounts.items():
        view = view.mounted(name, str(path))
    return view


def text(view: View, path: str) -> str | None:
    node = view.find(path)
    return Path(node.path).read_text() if node is not None else None


def test_what_is_mounted_hides_what_lies_below(view: View) -> None:
    assert text(view, "/data/sub/f") == text(view, "/to-volume/sub/f") == "volume"
    assert text(view, "/data/hidden") is None
    assert text(view, "/etc/hosts") == "file"


def test_links_of_what_is_mounted_stay_inside(view: View) -> None:
    assert view.resolve("/data/out/hosts") == "etc/hosts"
    assert text(view, "/data/out/hosts") == "file"
    assert text(view, "/data/../etc/hosts") == "file"


def test_folders_above_a_mount_are_there_and_listed(view: View) -> None:
    data = view.find("/data")
    assert data is not None
    assert view.list(data) == ["deep", "out", "sub"]
    assert text(view, "/data/deep/er/sub/f") == "volume"
    names = [node.name.removeprefix("data/") for node in view.walk(data)]
    assert names == [
        "deep",
        "deep/er",
        "deep/er/out",
        "deep/er/sub",
        "deep/er/sub/f",
        "out",
        "sub",
        "sub/f",
    ]
    assert "hosts" in view.list(view.find("/etc"))  # type: ignore[arg-type]


def test_what_was_seen_shows_the_same(tmp_path: Path) -> None:
    """Every name, asked twice and in any order, is what it is for a view that remembers nothing."""
    trees = [tmp_path / name for name in ("low", "middle", "top")]
    for tree in trees:
        (tree / "folder/inner").mkdir(parents=True)
        (tree / "folder" / tree.name).write_text(tree.name)
    (trees[0] / "gone").write_text("")
    os.setxattr(trees[2] / "folder/inner", "user.overlay.opaque", b"y")
    (trees[0] / "folder/inner/hidden").write_text("")
    (trees[2] / "gone").write_text("")
    os.setxattr(trees[2] / "gone", "user.overlay.whiteout", b"y")
    (trees[1] / "link").symlink_to("folder/top")
    paths = [str(tree) for tree in trees]
    names = ["folder", "gone", "link", "nothing", "folder/inner/hidden", "folder/none", "n" * 300, "a\0b"]
    names += [f"folder/{tree.name}" for tree in trees]
    seen, asked = View(paths, seen=Seen()), View(paths)
    for name in (*names, *reversed(names), *names):
        assert seen.find(name) == asked.find(name), name
    assert seen.find("gone") is None and seen.find("folder/inner/hidden") is None


def test_many_names_in_many_layers_cost_a_look_at_each_layer_and_each_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As steps look: each finds the layers of those before it."""
    looks: list[str] = []

    def counted(host: str, name: str) -> Look | None:
        looks.append(host)
        return look_at(host, name)

    monkeypatch.setattr(view_module, "look_at", counted)
    seen, trees = Seen(), []
    for number in range(60):
        tree = tmp_path / str(number)
        (tree / "folder").mkdir(parents=True)
        (tree / "folder" / f"f{number}").write_text("")
        trees.append(str(tree))
        for name in ("folder", f"folder/f{number}", "folder/absent", f"folder/no{number}"):
            View(trees, seen=seen).find(name)
    assert len(looks) < 60 * 6


def test_the_links_on_the_way_are_told_and_their_targets_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").touch()
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("d")
    links: list[Node] = []
    found = View([str(tmp_path)]).find("one/f", links=links)
    assert found is not None and found.name == "d/f" and [link.name for link in links] == ["one", "two"]
    for number in range(3):
        (tmp_path / f"l{number}").symlink_to(f"l{number + 1}" + "/a" * 2000)
    with pytest.raises(ContextError, match="too many symbolic links"):
        View([str(tmp_path)]).find("l0")
