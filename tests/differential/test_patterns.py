"""Random trees, random COPY patterns, random .dockerignore files: what is copied is what BuildKit copies.

Hundreds of patterns are one build: each has a stage of its own, and the last stage collects them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from differential.image import read
from support.buildkit import BuildKit, own_folder, running_buildkit
from support.wherry import Wherry

pytestmark = [pytest.mark.buildkit, pytest.mark.root]

NAMES = ("a", "b", "ab", "a.txt", "b.txt", "x-y", "A", ".hid", "[z]", "a b")
PIECES = (
    "*",
    "?",
    "a",
    "b",
    ".",
    "txt",
    "[ab]",
    "[^a]",
    "[a-b]*",
    "**",
    "*.txt",
    "a*",
    "?b",
    "\\[z]",
    ".*",
    "x-y",
    "..",
)
PATTERNS = 60


@pytest.fixture(scope="module")
def buildkit() -> Iterator[BuildKit]:
    with running_buildkit(own_folder("patterns")) as one:
        yield one


def tree(folder: Path, rng: random.Random) -> None:
    folder.mkdir()
    (folder / "always").write_text("x")
    folders = [folder]
    for _ in range(rng.randrange(8, 25)):
        path = rng.choice(folders) / rng.choice(NAMES)
        if path.exists():
            continue
        if rng.random() < 0.4:
            path.mkdir()
            folders.append(path)
        else:
            path.write_text(path.name)


def pattern(rng: random.Random) -> str:
    parts = ["".join(rng.choices(PIECES[:-1], k=rng.randrange(1, 3))) for _ in range(rng.randrange(1, 4))]
    if rng.random() < 0.1:
        parts.insert(rng.randrange(1, len(parts) + 1), "..")
    return ("/" if rng.random() < 0.1 else "") + "/".join(parts)


def ignore_line(rng: random.Random) -> str:
    parts = ["".join(rng.choices(PIECES[:-1], k=rng.randrange(1, 3))) for _ in range(rng.randrange(1, 3))]
    if rng.random() < 0.3:
        parts.insert(rng.randrange(len(parts) + 1), "**")
    return ("!" if rng.random() < 0.3 else "") + "/".join(parts)


def dockerfile(patterns: list[str]) -> str:
    """A file that is always there stands beside each pattern: one that matches nothing is no error then."""
    lines = [
        f'FROM scratch AS s{n}\nCOPY ["always", "{p}", "/x/"]\n'.replace("\\", "\\\\")
        for n, p in enumerate(patterns)
    ]
    last = "FROM scratch\n" + "".join(f"COPY --from=s{n} /x /{n}\n" for n in range(len(patterns)))
    return "".join(lines) + last


@pytest.mark.parametrize("seed", range(4))
def test_what_patterns_match_is_what_buildkit_matches(
    buildkit: BuildKit, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    tree(tmp_path / "c", rng)
    patterns = [p for p in (pattern(rng) for _ in range(PATTERNS)) if not p.startswith("..")]
    ignored = [] if seed == 0 else [ignore_line(rng) for _ in range(rng.randrange(1, 5))]
    (tmp_path / "Dockerfile").write_text(dockerfile(patterns))
    (tmp_path / "Dockerfile.dockerignore").write_text("\n".join([*ignored, "!always", ""]))
    words = ["build", "-f", str(tmp_path / "Dockerfile"), "-t", "x", str(tmp_path / "c")]
    done = buildkit.run(tmp_path / "c", tmp_path / "Dockerfile", archive=tmp_path / "d.tar")
    wherry = Wherry(tmp_path / "store")
    ours = wherry.run(*words)
    assert (done.returncode == 0) == (ours.returncode == 0), f"{done.stderr[-800:]}\n{ours.stderr[-800:]}"
    if done.returncode:
        return
    wherry("save", "-o", str(tmp_path / "w.tar"), "x")
    theirs, mine = (
        {(p, f.kind) for p, f in read(tmp_path / name).files.items()} for name in ("d.tar", "w.tar")
    )
    wrong = sorted({int(path.partition("/")[0]) for path, _ in theirs ^ mine})
    shown = [(patterns[n], sorted(theirs - mine), sorted(mine - theirs)) for n in wrong[:3]]
    assert not wrong, f"{ignored}\n{shown}"
