"""Any number of commands at once on one store."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.waiting import wait_until
from support.wherry import Wherry
from wherry.builder.output.image import tag
from wherry.store import Store

pytestmark = [pytest.mark.root, pytest.mark.runtime]

FILES = 400
MAKE = f"mkdir /d && for i in $(seq {FILES}); do echo $i > /d/$i; done"
DOCKERFILE = f"FROM bb\nRUN {MAKE}\nRUN echo x > /x\n"
COUNT = ("sh", "-c", "ls /d | wc -l; cat /x")
WHOLE = f"{FILES}\nx"


@pytest.fixture
def archive(bb: Wherry, tmp_path: Path) -> Path:
    """An archive of the image ``app``, which the store does not have any more."""
    bb.build(tmp_path / "c", DOCKERFILE, "-t", "app")
    bb("save", "-o", str(tmp_path / "app.tar"), "app")
    bb("rmi", "app")
    bb("prune", "-af")
    return tmp_path / "app.tar"


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int | None, str]]:
    """The exit code and the error of each."""
    said = [process.communicate(timeout=120)[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def test_any_number_of_loads_of_one_archive(bb: Wherry, archive: Path) -> None:
    loads = [bb.start("load", "-i", str(archive)) for _ in range(6)]
    assert ended(loads) == [(0, "")] * 6
    assert bb("run", "--rm", "app", *COUNT) == WHOLE
    assert os.listdir(bb.root / "tmp") == []


def test_any_number_of_imports_and_builds_of_the_same(bb: Wherry, archive: Path, tmp_path: Path) -> None:
    layer = tmp_path / "layer.tar"
    subprocess.run(["tar", "-cf", str(layer), "-C", str(tmp_path / "c"), "."], check=True)
    imports = [bb.start("import", str(layer), f"i{number}") for number in range(4)]
    builds = [bb.start("build", "-q", "-t", "app", str(tmp_path / "c")) for _ in range(3)]
    done = ended([*imports, *builds])
    assert [code for code, _ in done] == [0] * 7, done
    assert bb("run", "--rm", "app", *COUNT) == WHOLE
    assert os.listdir(bb.root / "tmp") == []


def test_loads_beside_removals_and_prunes(bb: Wherry, archive: Path) -> None:
    for _ in range(4):
        loads = [bb.start("load", "-i", str(archive)) for _ in range(3)]
        removals = [bb.start("rmi", "-f", "app"), bb.start("prune", "-af")]
        assert ended(loads) == [(0, "")] * 3
        for code, text in ended(removals):
            assert code == 0 or "No such image" in text
    bb("load", "-i", str(archive))
    assert bb("run", "--rm", "app", *COUNT) == WHOLE


def test_a_name_is_never_given_to_an_image_that_is_being_removed(bb: Wherry, archive: Path) -> None:
    for number in range(4):
        bb("load", "-i", str(archive))
        tags = [bb.start("tag", "app", f"other{number}-{each}") for each in range(3)]
        removal = bb.start("rmi", "-f", "app")
        ended([*tags, removal])
        for name in bb("images", "--format", "{{.Repository}}").split():
            bb("history", "-q", name)
    assert "error" not in bb.run("images").stderr


def test_a_container_is_made_of_an_image_or_the_image_is_gone(bb: Wherry, archive: Path) -> None:
    for number in range(4):
        bb("load", "-i", str(archive))
        runs = [bb.start("run", "--name", f"c{number}-{each}", "app", *COUNT) for each in range(2)]
        ended([bb.start("rmi", "-f", "app"), bb.start("prune", "-af")])
        for run in runs:
            out, text = run.communicate(timeout=60)
            assert (out.strip(), run.returncode) == (WHOLE, 0) or "image" in text, (out, text)
    folders = {path.name for path in (bb.root / "containers").iterdir()}
    assert folders == set(bb("ps", "-aq", "--no-trunc").split())


def test_steps_that_make_a_cache_mount_at_once_share_it(bb: Wherry, tmp_path: Path) -> None:
    """An empty folder that one of them has mounted must not be replaced by another empty one."""
    bb.build(tmp_path / "w", "FROM bb\nRUN true\n")
    for round_ in range(3):
        wait = "i=0; while [ $(ls /m | wc -l) -lt 3 ] && [ $i -lt 6000 ]; do usleep 10000; i=$((i+1)); done"
        mount = f"--mount=type=cache,id=shared{round_},target=/m"
        for number in range(3):
            (tmp_path / f"{round_}{number}").mkdir()
            step = f"RUN {mount} touch /m/{number}; {wait}; ls /m | wc -l > /out; sleep 0.2\n"
            (tmp_path / f"{round_}{number}/Dockerfile").write_text(f"FROM bb\nENV N={number}\n{step}")
        names = [f"{round_}{number}" for number in range(3)]
        builds = [bb.start("build", "-q", "-t", f"n{name}", str(tmp_path / name)) for name in names]
        assert [code for code, _ in ended(builds)] == [0] * 3
        for name in names:
            assert bb("run", "--rm", f"n{name}", "cat", "/out") == "3"


def test_a_killed_removal_is_no_layer_for_the_next_load(bb: Wherry, archive: Path, tmp_path: Path) -> None:
    """The row as it was found: half a tree that the next load took for the layer."""
    bb("load", "-i", str(archive))
    trees = list((bb.root / "layers").iterdir())
    kept = tmp_path / "kept"
    shutil.copytree(bb.root / "layers", kept, symlinks=True)
    bb("rmi", "-f", "app")
    for tree in trees:
        if not tree.exists():
            shutil.copytree(kept / tree.name, tree, symlinks=True)
            for file in list(tree.rglob("d/*"))[: FILES // 5]:
                file.unlink()
    bb("load", "-i", str(archive))
    assert bb("run", "--rm", "app", *COUNT) == WHOLE


def test_a_container_that_is_removed_while_it_is_started_leaves_nothing(bb: Wherry) -> None:
    for _ in range(8):
        bb("create", "--name", "both", "bb", "true")
        processes = [bb.start("start", "both"), bb.start("rm", "both")]
        ended(processes)
        bb.run("rm", "-f", "both")
    wait_until(lambda: bb("ps", "-a") and not os.listdir(bb.root / "containers"))


def test_a_name_is_given_although_its_image_was_removed_since_it_was_made(
    bb: Wherry, archive: Path
) -> None:
    """Who makes an image holds the store until it is named, but another may remove its record."""
    bb("load", "-i", str(archive))
    store = Store.open(str(bb.root))
    with store.using():
        (image,) = [record for record in store.images.all() if "app" in " ".join(store.names.of(record.id))]
        bb("rmi", "-f", "app")
        assert store.images.get(image.id) is None
        store.name("docker.io/library/again:latest", image)
        bb("rmi", "-f", "again")
        assert tag(store, ["again", "more"], image.id, [image]) == ["again:latest", "more:latest"]
    store.database.close()
    for name in ("again", "more"):
        assert bb("run", "--rm", name, *COUNT) == WHOLE
