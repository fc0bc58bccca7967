"""``system df`` and ``system prune``."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.image import build_two_layers, tree
from support.wherry import Wherry
from wherry.store import Store


def rows(wherry: Wherry) -> dict[str, list[str]]:
    shown = wherry("system", "df", "--format", "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Reclaimable}}")
    return {line.split("\t")[0]: line.split("\t")[1:] for line in shown.splitlines()}


def test_df_counts_what_is_there_and_what_is_used(wherry: Wherry, tmp_path: Path) -> None:
    assert wherry("system", "df").splitlines() == [
        "TYPE            TOTAL   ACTIVE   SIZE   RECLAIMABLE",
        "Images          0       0        0B     0B",
        "Containers      0       0        0B     0B",
        "Local Volumes   0       0        0B     0B",
        "Build Cache     0       0        0B     0B",
    ]
    build_two_layers(wherry, tmp_path / "c")
    found = rows(wherry)
    assert found["Images"][:2] == ["1", "0"] and "(100%)" in found["Images"][2]
    assert found["Build Cache"][1] == "2"  # what images hold, too
    wherry("create", "--name", "box", "-v", "a:/a", "img", "/one")
    wherry("volume", "create", "a")
    wherry("volume", "create", "b")
    found = rows(wherry)
    assert found["Images"] == ["1", "1", "0B (0%)"]
    assert found["Containers"][:2] == ["1", "0"] and "(100%)" in found["Containers"][2]
    assert found["Local Volumes"] == ["2", "1", "0B"]


def test_df_goes_on_beside_an_image_that_cannot_be_read(wherry: Wherry, tmp_path: Path) -> None:
    image = build_two_layers(wherry, tmp_path / "c")
    (wherry.root / "blobs/sha256" / image.removeprefix("sha256:")).write_bytes(b"x")
    done = wherry.run("system", "df")
    assert done.returncode == 0 and "cannot be read" in done.stderr
    assert "Images          1 " in done.stdout


def test_prune_keeps_what_is_used_and_named(wherry: Wherry, tmp_path: Path) -> None:
    first = build_two_layers(wherry, tmp_path / "c")
    wherry.build(tmp_path / "c", "FROM scratch\nCOPY two /2\n", "-t", "img")  # the first has no name now
    wherry("create", "--name", "box", "img", "/one")
    wherry("volume", "create", "mine")
    nameless = wherry("volume", "create")
    shown = wherry("system", "prune", "-f")
    box = shown.splitlines()[1]
    assert shown.startswith(f"Deleted Containers:\n{box}\n\nDeleted Images:\ndeleted: {first}\n")
    assert "Total reclaimed space: " in shown.splitlines()[-1]
    assert wherry("ps", "-aq") == ""
    assert wherry("images", "--format", "{{.Repository}}") == "img"
    assert set(wherry("volume", "ls", "-q").split()) == {"mine", nameless}
    assert wherry("system", "prune", "-f", "--volumes").startswith(f"Deleted Volumes:\n{nameless}\n")
    assert wherry("system", "check") == "nothing is wrong"


def test_prune_with_all_leaves_images_of_containers_only(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry.build(tmp_path / "c", "FROM scratch\nCOPY one /1\n", "-t", "other:1")
    wherry("tag", "other:1", "example.com/more:2")
    size = sum(len(Path(path).read_bytes()) for path in (tmp_path / "c").iterdir())
    shown = wherry("system", "prune", "-af")
    lines = shown.splitlines()
    assert {"untagged: other:1", "untagged: example.com/more:2", "untagged: img:latest"} <= set(lines)
    assert wherry("images", "-q") == ""
    assert list((wherry.root / "layers").iterdir()) == []
    assert not lines[-1].endswith(": 0B") and size


def test_the_image_of_a_container_that_is_too_young_stays(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "img", "/one")
    assert wherry("system", "prune", "-af", "--filter", "until=1h") == "Total reclaimed space: 0B"
    assert wherry("ps", "-a", "--format", "{{.Names}}") == "box"
    assert wherry("images", "-q") != ""
    store = Store.open(str(wherry.root))
    for layer in store.layers.all():
        assert tree(wherry, layer.diff_id).is_dir()
    said = wherry.fails("system", "prune", "-f", "--volumes", "--filter", "until=1h", code=125)
    assert "not supported with" in said
    assert "invalid filter" in wherry.fails("system", "prune", "-f", "--filter", "age=1h", code=125)
    assert "nobody is there to confirm" in wherry.fails("system", "prune", code=125)


@pytest.mark.mounts
def test_a_container_that_runs_is_kept_with_its_image_and_volume(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "-v", "data:/d", "bb", "sh", "-c", "while :; do sleep 0.05; done")
    bb("system", "prune", "-af", "--volumes")
    assert bb("ps", "--format", "{{.Names}}") == "box"
    assert bb("volume", "ls", "-q") == "data"
    assert bb("system", "df", "--format", "{{.Type}} {{.Active}}").splitlines()[1] == "Containers 1"
    bb("kill", "box")
