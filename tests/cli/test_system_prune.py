"""``system df`` and ``system prune``."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.image import build_two_layers, tree
from support.wherry import Wherry
from wherry.cli.core.units import human_size
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
    assert "cannot ask for confirmation" in wherry.fails("system", "prune", code=125)


@pytest.mark.mounts
def test_a_container_that_runs_is_kept_with_its_image_and_volume(bb: Wherry) -> None:
    bb("run", "-d", "--name", "box", "-v", "data:/d", "bb", "sh", "-c", "while :; do sleep 0.05; done")
    bb("system", "prune", "-af", "--volumes")
    assert bb("ps", "--format", "{{.Names}}") == "box"
    assert bb("volume", "ls", "-q") == "data"
    assert bb("system", "df", "--format", "{{.Type}} {{.Active}}").splitlines()[1] == "Containers 1"
    bb("kill", "box")


def test_df_in_detail_says_who_shares_what(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")  # "one" and "two"
    wherry.build(tmp_path / "c", "FROM img\nCOPY two /3\n", "-t", "more")
    wherry("create", "--name", "box", "-v", "a:/a", "-v", "/tmp:/t", "-v", "/v", "more", "/one")
    wherry("volume", "create", "a")
    blocks = wherry("system", "df", "-v").split("\n\n")
    assert [block for block in blocks if block.endswith(":")] == [
        "Images space usage:",
        "Containers space usage:",
        "Local Volumes space usage:",
    ]
    images = {line.split()[0]: line.split()[-4:] for line in blocks[1].splitlines()[1:]}
    size = sum((tmp_path / "c" / name).stat().st_size for name in ("one", "two"))
    again = (tmp_path / "c/two").stat().st_size
    assert images["img"] == [human_size(size), human_size(size), "0B", "0"]
    assert images["more"] == [*map(human_size, (size + again, size, again)), "1"]
    (container,) = blocks[3].splitlines()[1:]
    assert container.split()[1:4] == ["more", '"/one"', "1"] and container.endswith("Created   box")
    assert blocks[5].splitlines()[1].split() == ["a", "1", "0B"]
    assert blocks[6].startswith("Build cache usage: ")
    shared = [line.split()[-1] for line in blocks[7].splitlines()[1:] if " layer " in line]
    assert shared == ["true"] * 3
    assert "conflict" in wherry.fails("system", "df", "-v", "--format", "json", code=125)


def test_containers_are_pruned_by_label_and_age(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "mine", "-l", "keep=yes", "img", "/one")
    other = wherry("create", "--name", "other", "img", "/one")
    assert "cannot ask for confirmation" in wherry.fails("container", "prune", code=125)
    assert wherry("container", "prune", "-f", "--filter", "until=1h") == "Total reclaimed space: 0B"
    shown = wherry("container", "prune", "-f", "--filter", "label!=keep")
    assert shown.startswith(f"Deleted Containers:\n{other}\n\nTotal reclaimed space: ")
    assert "invalid filter" in wherry.fails("container", "prune", "-f", "--filter", "name=a", code=125)
    assert wherry("ps", "-a", "--format", "{{.Names}}") == "mine"
    wherry("container", "prune", "-f", "--filter", "label=keep=yes")
    assert wherry("ps", "-aq") == ""


def test_images_are_pruned_where_nothing_needs_them(wherry: Wherry, tmp_path: Path) -> None:
    first = build_two_layers(wherry, tmp_path / "c")
    wherry.build(tmp_path / "c", "FROM scratch\nCOPY two /2\nLABEL keep=yes\n", "-t", "img")
    wherry.build(tmp_path / "c", "FROM scratch\nCOPY two /2\nLABEL other=yes\n", "-t", "other")
    assert wherry("image", "prune", "-f", "--filter", "until=1h") == "Total reclaimed space: 0B"
    shown = wherry("image", "prune", "-f")
    assert shown.startswith(f"Deleted Images:\ndeleted: {first}\n") and "img" not in shown
    assert "untagged: other:latest\n" in wherry("image", "prune", "-af", "--filter", "label!=keep")
    wherry("create", "img", "/2")
    assert wherry("image", "prune", "-af") == "Total reclaimed space: 0B"
    assert wherry("images", "--format", "{{.Repository}}") == "img"
