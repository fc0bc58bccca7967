"""What wherry builds is what BuildKit builds from the same input.

A difference that is meant stands in DIFFERENCES, with its reason; one that no longer occurs fails the test.
"""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from differential import context, files, language, reports
from differential.corpus import CASES as FIRST
from differential.corpus import REFUSED, STRICTER, Case
from differential.grammar import draw
from differential.image import OPAQUE, WHITEOUT, File, Saved, read
from support.buildkit import BuildKit, own_folder, running_buildkit
from support.wherry import Wherry

pytestmark = [pytest.mark.buildkit, pytest.mark.root]

CASES = [*FIRST, *language.CASES, *files.CASES, *reports.CASES]
# Where the image has no such place, BuildKit leaves what its runtime mounted something on; wherry does not.
MOUNTED_ON = ("proc", "sys", "dev", "m", "etc/resolv.conf", "etc/hosts", "etc/hostname")
# What only says how it was made, and what is empty.
NOT_COMPARED = ("Image", "Hostname", "Domainname", "ArgsEscaped")
# The case, what differs there, and why: (config field | "history" | path).
DIFFERENCES: dict[tuple[str, str], str] = {
    ("run-07", name): "BuildKit leaves out of a layer what was only linked to, and so loses the link"
    for name in ("p", "etc/passwd")
} | {
    ("place-27", "layer 1: ."): "BuildKit's layers do not tell what the root itself is",
}


class Builders(NamedTuple):
    buildkit: BuildKit
    wherry: Wherry
    work: Path


@pytest.fixture(scope="module")
def builders(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builders]:
    work = tmp_path_factory.mktemp("differential")
    shutil.copytree(busybox_store, work / "store", symlinks=True)
    wherry = Wherry(work / "store")
    context.make(work / "c")
    with running_buildkit(own_folder("diff")) as buildkit:
        buildkit.take(wherry, "bb", work / "bb")
        yield Builders(buildkit, wherry, work)


@pytest.mark.parametrize(
    "text", [*REFUSED, *STRICTER, *language.REFUSED, *language.STRICTER, *files.REFUSED, *reports.REFUSED]
)
def test_what_buildkit_refuses_is_refused(builders: Builders, text: str) -> None:
    buildkit, wherry, work = builders
    dockerfile = work / "refused.Dockerfile"
    dockerfile.write_text(text)
    theirs = buildkit.run(work / "c", dockerfile)
    ours = wherry.run("build", "-f", str(dockerfile), str(work / "c"))
    refuses = (theirs.returncode != 0, ours.returncode != 0)
    assert refuses == (text not in (*STRICTER, *language.STRICTER), True), (
        f"{text}\n{theirs.stderr[-500:]}\n{ours.stderr}"
    )


def build(builders: Builders, case: Case) -> tuple[Saved, Saved]:
    """(BuildKit's, ours)."""
    buildkit, wherry, work = builders
    args = list(case.args)
    dockerfile = work / f"{case.name}.Dockerfile"
    dockerfile.write_bytes(case.dockerfile.encode())
    if "-f" in args:
        del args[args.index("-f") : args.index("-f") + 2]
        Path(f"{dockerfile}.dockerignore").write_text(
            "node_modules\n*.txt\n!two.txt\ndir/inner\n*.Dockerfile*\n"
        )
    done = buildkit.run(work / "c", dockerfile, *args, archive=work / "theirs.tar")
    assert done.returncode == 0, done.stderr[-2000:]
    output = f"type=docker,name=x,dest={work / 'ours.tar'}"
    wherry("build", "-f", str(dockerfile), "-o", output, *args, "--progress", "quiet", str(work / "c"))
    return read(work / "theirs.tar"), read(work / "ours.tar")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_dockerfile_gives_what_it_gives_with_buildkit(builders: Builders, case: Case) -> None:
    theirs, ours = build(builders, case)
    found = {
        **config_differences(theirs.config, ours.config),
        **history_differences(theirs, ours),
        **file_differences(theirs.files, ours.files),
        **layer_differences(theirs, ours),
    }
    meant = {what for name, what in DIFFERENCES if name == case.name}
    unmeant = {what: text for what, text in found.items() if what not in meant}
    assert not unmeant, f"{case.dockerfile}\n" + "\n".join(f"{k}: {v}" for k, v in unmeant.items())
    assert meant <= set(found), "a difference that is listed does not occur any more"


# Drawn in a usual run; more where somebody has the time.
DRAWN = int(os.environ.get("WHERRY_DRAWN", "25"))
FIRST_SEED = int(os.environ.get("WHERRY_SEED", "0"))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + DRAWN))
def test_a_dockerfile_that_is_drawn_gives_what_it_gives_with_buildkit(
    builders: Builders, seed: int
) -> None:
    buildkit, wherry, work = builders
    drawn = draw(seed)
    dockerfile = work / f"drawn{seed}.Dockerfile"
    dockerfile.write_text(drawn.dockerfile)
    Path(f"{dockerfile}.dockerignore").write_text(drawn.ignore)
    done = buildkit.run(work / "c", dockerfile, *drawn.args, archive=work / "theirs.tar")
    output = f"type=docker,name=x,dest={work / 'ours.tar'}"
    words = ("-f", str(dockerfile), "-o", output, "--progress", "quiet", *drawn.args)
    ours = wherry.run("build", *words, str(work / "c"))
    said = f"{drawn}\n{drawn.dockerfile}\n{done.stderr[-600:]}\n{ours.stderr[-600:]}"
    if done.returncode == 0 and "is excluded by .dockerignore" in ours.stderr:
        return  # BuildKit copies nothing then where some pattern has a "!", and says nothing
    assert (done.returncode == 0) == (ours.returncode == 0), said
    if done.returncode:
        return
    theirs, mine = read(work / "theirs.tar"), read(work / "ours.tar")
    found = {
        **config_differences(theirs.config, mine.config),
        **history_differences(theirs, mine),
        **file_differences(theirs.files, mine.files),
        **layer_differences(theirs, mine),
    }
    assert not found, f"{said}\n" + "\n".join(f"{k}: {v}" for k, v in found.items())


def config_differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, str]:
    one, other = _known(theirs), _known(ours)
    return {
        key: f"BuildKit {one.get(key)!r}, wherry {other.get(key)!r}"
        for key in {*one, *other}
        if one.get(key) != other.get(key)
    }


def _known(config: dict[str, Any]) -> dict[str, Any]:
    inner = {
        k: v
        for k, v in config["config"].items()
        if v not in (None, "", False, [], {}) and k not in NOT_COMPARED
    }
    return {
        **inner,
        "author": config.get("author", ""),
        "os": config["os"],
        "architecture": config["architecture"],
    }


def history_differences(theirs: Saved, ours: Saved) -> dict[str, str]:
    one = [(text.removesuffix(" # buildkit"), empty) for text, empty in theirs.history]
    return {} if one == ours.history else {"history": f"\n  BuildKit {one}\n  wherry {ours.history}"}


def file_differences(theirs: dict[str, File], ours: dict[str, File]) -> dict[str, str]:
    found = {}
    for path in {*theirs, *ours}:
        one, other = theirs.get(path), ours.get(path)
        if other is None and path in MOUNTED_ON:
            continue
        if one is None or other is None or _shown(one) != _shown(other):
            found[path] = f"BuildKit {one}, wherry {other}"
    return found


def layer_differences(theirs: Saved, ours: Saved) -> dict[str, str]:
    """Layer by layer, what its tar says.  What is deleted in a folder may be told name by name or all at
    once (what is left then is compared by `file_differences`), and what is there already once more."""
    if len(theirs.layers) != len(ours.layers):
        return {"layers": f"BuildKit {len(theirs.layers)}, wherry {len(ours.layers)}"}
    found = {}
    for number, (one, other) in enumerate(zip(theirs.layers, ours.layers, strict=True)):
        emptied = {posixpath.dirname(p) for p in {*one, *other} if posixpath.basename(p) == OPAQUE}
        for path in {*one, *other} - {"", *MOUNTED_ON}:
            a, b = one.get(path), other.get(path)
            if (b is None and _repeats(a, path, theirs.layers[:number])) or (
                a is None and _repeats(b, path, ours.layers[:number])
            ):
                continue
            if _is_deletion(path):
                differs = (a is None) != (b is None) and posixpath.dirname(path) not in emptied
            else:
                differs = a is None or b is None or _shown(a) != _shown(b)
            if differs:
                found[f"layer {number}: {path}"] = f"BuildKit {a}, wherry {b}"
    return found


def _repeats(file: File | None, path: str, below: list[dict[str, File]]) -> bool:
    """Whether the layers below have the same already.  BuildKit leaves that out of what COPY makes, and
    keeps it in what RUN makes where its time is another by less than a tar tells; wherry the other way
    round."""
    folder, name = posixpath.split(path)
    for layer in reversed(below):
        if path in layer:
            return file is not None and _shown(layer[path]) == _shown(file)
        if posixpath.join(folder, WHITEOUT + name) in layer or posixpath.join(folder, OPAQUE) in layer:
            return False
    return False


def _is_deletion(path: str) -> bool:
    return posixpath.basename(path).startswith(WHITEOUT)


def _shown(file: File) -> File:
    """Times that the builder's clock gave are not compared; folders have those of the transfer."""
    given = file.kind != "5" and file.mtime in (context.OLD, 1_000_000_000)
    return file if given else file._replace(mtime=0)


def test_the_corpus_is_large_and_each_case_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 120 and len({case.name for case in CASES}) == len(CASES)
