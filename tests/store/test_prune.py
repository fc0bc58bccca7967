"""wherry prune and wherry cache: what goes, what stays, and that the disk gets back what is said."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from support.wherry import Wherry

pytestmark = pytest.mark.mounts

STEP = "RUN dd if=/dev/urandom of=/big bs=1000000 count=3 2>/dev/null\n"


def du(folder: Path) -> int:
    out = subprocess.run(
        ["du", "-s", "--block-size=1", str(folder)], capture_output=True, text=True, check=True
    )
    return int(out.stdout.split()[0])


def total(said: str) -> str:
    return said.splitlines()[-1].split("\t")[1]


def test_what_no_image_holds_goes_and_the_disk_gets_it_back(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "c", f"FROM bb\n{STEP}", "-t", "x")
    kept = bb.build(tmp_path / "d", f"FROM bb\nENV KEPT=1\n{STEP}", "-t", "kept")
    bb("rmi", "x")
    before = du(bb.root / "layers")
    said = bb("prune", "-f")
    assert total(said) in ("3.01MB", "3MB") and "RECLAIMABLE" in said
    assert 3_000_000 <= before - du(bb.root / "layers") <= 3_020_000
    assert bb.build(tmp_path / "d", None, "-t", "kept") == kept, "what an image holds is still cached"
    assert bb("prune", "-f") == "Total:\t0B"


def test_an_image_and_a_container_keep_their_layers(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "c", f"FROM bb\n{STEP}", "-t", "x")
    bb("create", "--name", "holds", "x", "ls", "/big")
    bb("rmi", "-f", "x")
    bb("prune", "-af")
    assert bb("start", "-a", "holds") == "/big"


def test_only_what_was_not_used_lately(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "c", f"FROM bb\n{STEP}", "-t", "x")
    bb("rmi", "x")
    assert bb("prune", "-f", "--filter", "until=1h") == "Total:\t0B"
    assert bb("prune", "-f", "--keep-storage", "1GB") == "Total:\t0B"
    assert total(bb("prune", "-f", "--filter", "until=0s")) != "0B"


def test_the_least_recently_used_goes_first(bb: Wherry, tmp_path: Path) -> None:
    for name in ("old", "new"):
        bb.build(tmp_path / name, f"FROM bb\nENV N={name}\n{STEP}", "-t", name)
        bb("rmi", name)
        time.sleep(0.05)
    bb("prune", "-f", "--keep-storage", "4MB")
    (tmp_path / "old/Dockerfile").read_text()
    assert "CACHED" in bb.run("build", "--progress=plain", str(tmp_path / "new")).stderr
    assert "CACHED" not in bb.run("build", "--progress=plain", str(tmp_path / "old")).stderr


def test_a_prune_waits_for_a_build_that_runs(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM bb\n{STEP}RUN echo begun; sleep 1; test -e /big\n")
    build = bb.start("build", "--progress=plain", "-t", "x", str(context))
    assert build.stderr is not None
    while "begun" not in (line := build.stderr.readline()) or "RUN" in line:
        assert line
    done = bb.run("prune", "-af")
    assert done.returncode == 0 and "waiting for running builds" in done.stderr
    assert build.wait(30) == 0
    assert bb("run", "--rm", "x", "ls", "/big") == "/big"


def test_a_prune_that_is_killed_leaves_a_store_that_works(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = "FROM bb\n" + "".join(
        f"RUN mkdir /d{n}; for i in $(seq 300); do echo $i > /d{n}/$i; done\n" for n in range(4)
    )
    for delay in (0.0, 0.05, 0.1, 0.15):
        bb.build(tmp_path / "c", dockerfile, "-t", "x")
        bb("rmi", "x")
        prune = bb.start("prune", "-af")
        time.sleep(0.1 + delay)
        prune.send_signal(signal.SIGKILL)
        prune.communicate(timeout=30)
    image = bb.build(tmp_path / "c", None, "-t", "x")
    assert bb("run", "--rm", image, "sh", "-c", "ls /d3 | wc -l") == "300"
    bb("save", "-o", str(tmp_path / "x.tar"), "x")


def test_it_asks_and_takes_no_silence_for_an_answer(bb: Wherry) -> None:
    said = bb.fails("prune", code=125, stdin=subprocess.DEVNULL)
    assert "cannot ask for confirmation" in said and "--force" in said


@pytest.mark.parametrize(
    "words, says",
    [
        (["--filter", "unti=1h"], "invalid filter 'unti'"),
        (["--filter", "until=soon"], "invalid time"),
        (["--keep-storage", "much"], "invalid size"),
    ],
)
def test_mistakes(bb: Wherry, words: list[str], says: str) -> None:
    assert says in bb.fails("prune", "-f", *words, code=125)


# -- cache mounts ----------------------------------------------------------------------------------


def with_cache(bb: Wherry, tmp_path: Path, script: str) -> str:
    image = bb.build(
        tmp_path / "c", f"FROM bb\nRUN --mount=type=cache,id=mine,target=/c {script}\n", "--no-cache"
    )
    return bb("run", "--rm", image, "cat", "/out")


def test_a_cache_mount_is_listed_saved_loaded_and_removed(bb: Wherry, tmp_path: Path) -> None:
    with_cache(bb, tmp_path, "sh -c 'echo 1 > /c/a; ln /c/a /c/b; chown 5:6 /c/a; echo > /out'")
    (row,) = json.loads(bb("cache", "ls", "--json"))
    assert row["id"] == "mine" and row["busy"] is False and row["size"] > 0
    assert bb("cache", "ls").splitlines()[1].startswith("mine")
    bb("cache", "export", "mine", str(tmp_path / "x.tar"))
    assert bb("cache", "rm", "mine") == "mine" and bb("cache", "ls", "-q") == ""
    bb("cache", "import", "mine", str(tmp_path / "x.tar"))
    assert with_cache(bb, tmp_path, "sh -c 'stat -c \"%h %u:%g\" /c/b; cat /c/a' > /out") == "2 5:6\n1"
    assert "did you mean mine?" in bb.fails("cache", "rm", "mind", code=1)
    assert "'exprt' is not a wherry cache command" in bb.fails("cache", "exprt", code=1)


def test_prune_takes_cache_mounts_and_nothing_of_one_in_use(bb: Wherry, tmp_path: Path) -> None:
    with_cache(
        bb, tmp_path, "sh -c 'dd if=/dev/urandom of=/c/x bs=1000000 count=2 2>/dev/null; echo > /out'"
    )
    assert "mount mine" in bb("prune", "-f")
    assert with_cache(bb, tmp_path, "ls /c > /out") == ""


def test_a_hostile_tar_is_no_cache(bb: Wherry, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        info = tarfile.TarInfo("../evil")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
    bb.fails("cache", "import", "mine", str(tmp_path / "x.tar"), code=1)
    assert not list(bb.root.rglob("evil")) and bb("cache", "ls", "-q") == ""
    assert os.listdir(bb.root / "tmp") == []
