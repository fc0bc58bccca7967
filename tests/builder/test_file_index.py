"""What a build remembers of its context's files: each is hashed once until it changes, whoever asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wherry.builder.context import file_index
from wherry.builder.context.folder import open_context
from wherry.builder.context.sources import ContextSource
from wherry.helper import Helper

# Longer than two changes of a file may share one time (a tick of the kernel's clock has at most 10 ms).
TICK = 0.03
FAR = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_file_index import TICK, Hashed, look
from wherry.builder.context import file_index, folder as scanned
folder, store = Path(sys.argv[2]), Path(sys.argv[3])
file_index.SETTLE_NS, seen = 0, Hashed()
scanned.hash_file = seen
time.sleep(TICK)
before = look(folder, store, "f")
assert look(folder, store, "f") == before and seen.names() == ["f"], seen
status = (folder / "f").stat()
(folder / "f").write_text("two")
os.utime(folder / "f", ns=(status.st_atime_ns, status.st_mtime_ns))
assert look(folder, store, "f") != before and seen.names() == ["f", "f"], seen
"""
MOUNTS = {
    "tmpfs": "mount -t tmpfs none $T/on",
    "overlay": "mount -t tmpfs none $T/s && mkdir $T/s/u $T/s/w &&"
    " mount -t overlay none -o lowerdir=$T/low,upperdir=$T/s/u,workdir=$T/s/w $T/on",
    "bind mount": "mount --bind $T/low $T/on",
}


class Hashed(list[str]):
    """Stands in for hash_file(), and notes what is hashed."""

    def __call__(self, host: str, real=file_index.hash_file) -> str:  # type: ignore[no-untyped-def]
        self.append(host)
        return real(host)

    def names(self) -> list[str]:
        return [os.path.basename(host) for host in self]


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Hashed:
    """What is hashed, in a world where files count as settled one tick after they were written."""
    seen = Hashed()
    monkeypatch.setattr("wherry.builder.context.folder.hash_file", seen)
    monkeypatch.setattr(file_index, "SETTLE_NS", 0)
    return seen


def look(folder: Path, store: Path, *words: str, dockerfile: str = "Dockerfile") -> list[str]:
    """What one build learns of the files that COPY names: their digests."""
    (store / "tmp").mkdir(parents=True, exist_ok=True)
    context = open_context(str(folder), str(folder / dockerfile), str(store))
    source = ContextSource(context)
    named = [file for word in words for file in source.find(word)]
    files = [inner for file in named for inner in (source.below(file) if file.is_folder else [file])]
    with Helper() as helper:
        digests = source.digests(files, helper)
    context.save()
    return digests


def filled(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("one")
    time.sleep(TICK)
    return path


def test_a_file_that_is_named_alone_is_hashed_once(tmp_path: Path, hashed: Hashed) -> None:
    folder = filled(tmp_path / "c", "f")
    assert look(folder, tmp_path / "s", "f") == look(folder, tmp_path / "s", "f")
    assert hashed.names() == ["f"]


def test_another_dockerfile_takes_nothing_from_what_is_known(tmp_path: Path, hashed: Hashed) -> None:
    names = [f"d/{number}" for number in range(20)]
    folder = filled(tmp_path / "c", *names, "f", "other.Dockerfile.dockerignore")
    (folder / "other.Dockerfile.dockerignore").write_text("d\n")
    look(folder, tmp_path / "s", "d")
    look(folder, tmp_path / "s", "f", dockerfile="other.Dockerfile")
    look(folder, tmp_path / "s", ".", dockerfile="other.Dockerfile")
    hashed.clear()
    look(folder, tmp_path / "s", "d", "f")
    assert hashed == []


def test_of_many_files_only_the_changed_one_is_hashed_again(tmp_path: Path, hashed: Hashed) -> None:
    folder = filled(tmp_path / "c", *(f"d/{number}" for number in range(50)))
    look(folder, tmp_path / "s", ".")
    filled(folder, "d/7")
    hashed.clear()
    look(folder, tmp_path / "s", ".")
    assert hashed.names() == ["7"]


def test_files_that_are_gone_are_forgotten_in_time(
    tmp_path: Path, hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_index, "FEW", 10)
    folder = tmp_path / "c"
    for number in range(20):
        filled(folder, *(f"{number}/{each}" for each in range(5)))
        look(folder, tmp_path / "s", ".")
        shutil.rmtree(folder / str(number))
    (kept,) = (tmp_path / "s/contexts").iterdir()
    rows, swept = file_index._load(str(kept))
    assert len(rows) <= max(10, 2 * swept) + 5


def test_a_change_within_one_tick_of_the_clock_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    for number in range(200):
        # Of one size, with the time that it had before.
        (folder / "f").write_text(f"{number:3}")
        os.utime(folder / "f", ns=(1, 1))
        (digest,) = look(folder, tmp_path / "s", "f")
        assert digest.endswith(file_index.hash_file(str(folder / "f")))


def test_a_change_that_keeps_the_time_is_noticed(tmp_path: Path, hashed: Hashed) -> None:
    folder = filled(tmp_path / "c", "f")
    before, status = look(folder, tmp_path / "s", "f"), (folder / "f").stat()
    (folder / "f").write_text("two")
    os.utime(folder / "f", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert look(folder, tmp_path / "s", "f") != before


def test_a_file_that_another_one_replaces_is_noticed(tmp_path: Path, hashed: Hashed) -> None:
    folder = filled(tmp_path / "c", "f")
    before, status = look(folder, tmp_path / "s", "f"), (folder / "f").stat()
    (tmp_path / "new").write_text("two")
    os.utime(tmp_path / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "new").rename(folder / "f")
    assert look(folder, tmp_path / "s", "f") != before


@pytest.mark.mounts
@pytest.mark.parametrize("kind", MOUNTS)
def test_a_change_that_keeps_the_time_is_noticed_on_a(kind: str, tmp_path: Path) -> None:
    for name in ("low", "on", "s"):
        (tmp_path / name).mkdir()
    filled(tmp_path / "low", "f")
    script = f'{MOUNTS[kind]} && {{ [ -e $T/on/f ] || echo -n one > $T/on/f; }} && exec "$@"'
    here = str(Path(__file__).parent)
    look_there = (sys.executable, "-c", FAR, here, f"{tmp_path}/on", f"{tmp_path}/store")
    subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh", *look_there],
        env=os.environ | {"T": str(tmp_path)},
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize("kept", [b"", b"\0", b"x" * 1000, bytes(1000)])
def test_an_index_that_was_cut_off_or_damaged_is_none(tmp_path: Path, hashed: Hashed, kept: bytes) -> None:
    folder = filled(tmp_path / "c", "a", "b\nc")
    whole = look(folder, tmp_path / "s", ".")
    (index,) = (tmp_path / "s/contexts").iterdir()
    text = index.read_bytes()
    for size in range(0, len(text), 7):
        index.write_bytes(text[:size] + kept)
        assert look(folder, tmp_path / "s", ".") == whole


def test_an_index_is_read_in_pieces_that_may_end_anywhere(
    tmp_path: Path, hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(tmp_path / "c", "a", "\u00fc\u2708", "b\nc", "d" * 200)
    whole = look(folder, tmp_path / "s", ".")
    hashed.clear()
    for size in range(1, 80):
        monkeypatch.setattr(file_index, "PIECE", size)
        assert look(folder, tmp_path / "s", ".") == whole
    assert hashed == []


def test_an_index_of_many_files_takes_one_text_a_file(tmp_path: Path, hashed: Hashed) -> None:
    """So that 200,000 files are known in a few dozen megabytes."""
    folder = filled(tmp_path / "c", *(f"d/{number}" for number in range(20)))
    look(folder, tmp_path / "s", ".")
    (index,) = (tmp_path / "s/contexts").iterdir()
    rows, _ = file_index._load(str(index))
    assert len(rows) == 20 and {type(row) for row in rows.values()} == {str}
    assert max(map(len, rows.values())) < 200
