"""Views of trees with files of the host mounted in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherry.layers.view import View


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
