"""`wherry system check` says what is wrong, in an order that stays, and mends only when it is asked to."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.image import blob, build_two_layers, diff_ids, flip, tree
from support.wherry import Wherry


def everything(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        if path.is_file()
        else os.fsencode(str(path.is_dir()))
        for path in root.rglob("*")
        if "wherry.db" not in path.name and path.name != "lock"
    }


def damage(wherry: Wherry, folder: Path) -> None:
    """One fault of each kind."""
    build_two_layers(wherry, folder)
    wherry("create", "--name", "box", "img", "/one")
    one, two = diff_ids(wherry)
    flip(tree(wherry, one) / "one")
    (wherry.root / "l" / two[7:23]).unlink()
    (wherry.root / "l" / "0123456789abcdef").symlink_to("../layers/nowhere")
    (wherry.root / "blobs/sha256" / ("0" * 64)).write_bytes(b"nothing")
    (wherry.root / "blobs/sha256/x\x1b[31m").write_bytes(b"nothing")
    (wherry.root / "tmp/123-abc").mkdir()
    os.mkfifo(wherry.root / "blobs/sha256" / ("1" * 64))
    (wherry.root / "blobs/sha256" / ("2" * 64)).mkdir()
    (wherry.root / "caches").mkdir()
    (wherry.root / "caches/abcdef").mkdir()
    (wherry.root / "caches/abcdef/kept").write_text("kept")
    (wherry.root / "index.json").write_text('{"schemaVersion":2,"manifests":[]}')
    box = wherry("ps", "-aq", "--no-trunc")
    (wherry.root / "containers" / box / "record.json").unlink()


def test_a_check_names_each_fault_and_changes_nothing(wherry: Wherry, tmp_path: Path) -> None:
    damage(wherry, tmp_path / "c")
    before = everything(wherry.root)
    first = wherry.run("system", "check")
    assert first.returncode == 1 and first.stderr == ""
    assert everything(wherry.root) == before
    kinds = [line.split(" ")[0] for line in first.stdout.splitlines()[:-1]]
    assert kinds == [
        *(
            "blob",
            "blob",
            "blob",
            "blob",
            "layer",
            "link",
            "leftover",
            "index",
            "container",
            "mount",
            "leftover",
        )
    ]
    assert "\x1b" not in first.stdout
    assert first.stdout.splitlines()[-1].startswith("11 wrong")
    assert wherry.run("system", "check").stdout == first.stdout


def test_repair_mends_all_but_what_must_be_made_again_and_says_by_what(
    wherry: Wherry, tmp_path: Path
) -> None:
    damage(wherry, tmp_path / "c")
    done = wherry.run("system", "check", "--repair")
    assert done.returncode == 1
    left = [line for line in done.stdout.splitlines() if "to do:" in line]
    assert len(left) == 1 and left[0].startswith("layer") and "load or build again: img" in left[0]
    assert done.stdout.splitlines()[-1] == "10 mended, 1 left"
    assert (wherry.root / "caches/abcdef/kept").read_text() == "kept"
    assert wherry("cache", "ls", "-q") == "lost-abcdef"
    build_two_layers(wherry, tmp_path / "c")
    assert wherry("system", "check", "--repair") == "nothing is wrong"


def test_as_json_each_finding_is_an_object_on_a_line(wherry: Wherry, tmp_path: Path) -> None:
    image = build_two_layers(wherry, tmp_path / "c")
    flip(blob(wherry, image))
    found = [json.loads(line) for line in wherry.run("system", "check", "--json").stdout.splitlines()]
    assert [each["kind"] for each in found] == ["blob", "image"]
    assert found[0]["name"] == image and found[0]["repairable"] and not found[0]["mended"]
    assert not found[1]["repairable"] and "wherry rmi" in found[1]["remedy"]


def test_a_lost_manifest_of_an_image_that_was_built_here_is_written_again(
    wherry: Wherry, tmp_path: Path
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    manifest = json.loads((wherry.root / "index.json").read_text())["manifests"][0]["digest"]
    good = blob(wherry, manifest).read_bytes()
    for hurt in (lambda path: path.unlink(), flip):
        hurt(blob(wherry, manifest))
        assert wherry.run("system", "check").returncode == 1
        assert "written again" in wherry("system", "check", "--repair")
        assert blob(wherry, manifest).read_bytes() == good
    assert wherry("system", "check") == "nothing is wrong"


def test_a_cache_record_that_leads_nowhere_is_forgotten(wherry: Wherry, tmp_path: Path) -> None:
    import sqlite3

    build_two_layers(wherry, tmp_path / "c")
    connection = sqlite3.connect(wherry.root / "wherry.db")
    connection.execute("INSERT INTO cache VALUES ('aaaa', ?, '{}', 0, 0)", ("sha256:" + "1" * 64,))
    connection.commit()
    connection.close()
    assert "cache aaaa: leads to" in wherry.run("system", "check").stdout
    assert "1 mended, 0 left" in wherry("system", "check", "--repair")
    assert wherry("system", "check") == "nothing is wrong"


@pytest.mark.root
@pytest.mark.runtime
def test_repair_leaves_a_layer_alone_while_a_container_runs_on_it(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "bb", "sleep", "60")
    passwd = next((bb.root / "layers").iterdir()) / "etc/passwd"
    passwd.write_text("changed")
    done = bb.run("system", "check", "--repair")
    assert done.returncode == 1 and "container box runs on it" in done.stdout
    assert passwd.read_text() == "changed"


def test_repair_waits_for_those_who_use_the_store_and_says_so(wherry: Wherry, tmp_path: Path) -> None:
    import fcntl

    build_two_layers(wherry, tmp_path / "c")
    with (wherry.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert wherry("system", "check") == "nothing is wrong"
        repair = wherry.start("system", "check", "--repair")
        assert repair.stderr is not None
        assert repair.stderr.readline() == "waiting for other commands to end\n"
        assert repair.poll() is None
    assert repair.wait(30) == 0


def test_where_there_is_no_store_that_is_said_and_none_is_made(wherry: Wherry) -> None:
    assert "no store" in wherry.fails("system", "check", code=1)
    assert not wherry.root.exists()
