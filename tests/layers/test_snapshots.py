"""Both ways of giving a step its root promise the same: the same edits are the same layer."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from support.edits import BASE, EDITS
from support.trees import snapshot
from wherry.errors import ContextError
from wherry.layers.copied import Copied
from wherry.layers.pack import pack
from wherry.layers.rootpath import resolve
from wherry.layers.snapshots import Overlay, Snapshots, _Short
from wherry.layers.view import View
from wherry.sandbox.mounts import enter_private_mounts

pytestmark = pytest.mark.root

# With an opaque folder, or with each deletion by its name.
TOLD_IN_MORE_THAN_ONE_WAY = (
    "rename a folder",
    "folder becomes file",
    "file becomes folder",
    "deleted and made again",
)


def commit(how: Snapshots, layers: list[str], work: Path, script: str) -> str:
    work.mkdir(exist_ok=True)
    opened = how.open(layers, str(work))
    try:
        # The one thing that differs by nature: when. A fixed time for every file that is new.
        places = " -o ".join(f"-path ./{name}" for name in ("dev", "etc", "proc", "sys"))
        stamp = (
            f"\nfind . \\( {places} \\) -prune -o -newermt 2020-01-01 -exec touch -h -d @1500000000 {{}} +"
        )
        subprocess.run(["bash", "-c", script + stamp], cwd=opened.root, check=True)
        changes = opened.changes()
    finally:
        opened.close()
    layer = work.with_suffix(".layer")
    shutil.move(changes, layer)
    return str(layer)


@pytest.mark.parametrize("script", EDITS.values(), ids=EDITS.keys())
def test_an_edit_gives_the_same_layer_and_the_same_view(tmp_path: Path, script: str) -> None:
    results = {}
    enter_private_mounts()
    for how in (Overlay(), Copied()):
        place = tmp_path / how.name
        place.mkdir()
        base = commit(how, [], place / "base", BASE)
        top = commit(how, [base], place / "top", script)
        opened = how.open([base, top], str(place / "see") if not (place / "see").mkdir() else "")
        try:
            merged = {
                k: v
                for k, v in snapshot(opened.root).items()
                if not k.startswith((b"dev", b"etc", b"proc", b"sys"))
            }
        finally:
            opened.close()
        view = View([base, top])
        root = view.root()
        assert root is not None
        seen = {os.fsencode(node.name) for node in view.walk(root)}
        assert seen == merged.keys()
        for node in view.walk(root):
            assert node.status.st_mode == merged[os.fsencode(node.name)][0]
        results[how.name] = (pack(base).diff_id, pack(top).diff_id, merged)
    assert results["overlay"][2] == results["copy"][2]
    assert results["overlay"][0] == results["copy"][0]
    if script not in {EDITS[name] for name in TOLD_IN_MORE_THAN_ONE_WAY}:
        assert results["overlay"][1] == results["copy"][1]


def test_a_copied_root_goes_on_from_step_to_step(tmp_path: Path) -> None:
    base = commit(Copied(), [], tmp_path / "w", "echo 1 > one")
    shutil.copytree(base, tmp_path / "l1", symlinks=True)
    opened = Copied().open([str(tmp_path / "l1")], str(tmp_path / "w"))
    inode = os.stat(f"{opened.root}/one").st_ino
    (Path(opened.root) / "two").write_text("2")
    assert sorted(os.listdir(opened.changes())) == ["two"]
    again = Copied().open([str(tmp_path / "l1")], str(tmp_path / "w"))
    assert os.stat(f"{again.root}/one").st_ino == inode


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b", "a/b"),
        ("up/x", "x"),
        ("abs/x", "etc/x"),
        ("a/../../../x", "x"),
        ("chain/x", "etc/x"),
        ("/abs/../x", "x"),
    ],
)
def test_symlinks_never_lead_out_of_a_root(tmp_path: Path, path: str, expected: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "up").symlink_to("../../../..")
    (tmp_path / "abs").symlink_to("/etc")
    (tmp_path / "chain").symlink_to("up/abs")
    assert resolve(str(tmp_path), path) == str(tmp_path / expected)


def test_a_loop_of_symlinks_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("y")
    (tmp_path / "y").symlink_to("x")
    with pytest.raises((ContextError, OSError)):
        resolve(str(tmp_path), "x/z")
    with pytest.raises(ContextError):
        View([str(tmp_path)]).find("x/z")


def test_names_that_do_not_fit_change_the_working_folder_of_their_thread_alone(tmp_path: Path) -> None:
    names = [str(tmp_path / ("x" * 200) / str(number)) for number in range(20)]
    begun, looked = threading.Event(), threading.Event()
    inside: list[str] = []

    def mount() -> None:
        with _Short(names) as short:
            inside.extend((os.getcwd(), *short))
            begun.set()
            assert looked.wait(30)
        inside.append(os.getcwd())

    Path(names[0]).parent.mkdir()
    before = os.getcwd()
    thread = threading.Thread(target=mount)
    thread.start()
    assert begun.wait(30)
    meanwhile = os.getcwd()
    looked.set()
    thread.join()
    assert inside == [str(Path(names[0]).parent), *map(str, range(20)), before]
    assert meanwhile == before
