"""What wherry builds is what Docker builds: Debian's dockerd with its BuildKit, and the same input.

A difference that is meant stands in DIFFERENCES, with its reason; one that no longer occurs fails the test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from differential import context
from differential.corpus import CASES, REFUSED, STRICTER, Case
from differential.image import File, Saved, read
from support.dockerd import Dockerd, running_dockerd
from support.wherry import Wherry

pytestmark = [pytest.mark.dockerd, pytest.mark.root]

# Where the image has no such place, Docker leaves what its runtime mounted something on; wherry does not.
MOUNTED_ON = ("proc", "sys", "dev", "m", "etc/resolv.conf", "etc/hosts", "etc/hostname")
# What only says how Docker made it, and what is empty.
NOT_COMPARED = ("Image", "Hostname", "Domainname", "ArgsEscaped")
# The case, what differs there, and why: (config field | "history" | path).
DIFFERENCES: dict[tuple[str, str], str] = {
    **{
        (f"arg-{number:02}", "history"): "newer BuildKits write the value that the build has"
        for number in (1, 2, 6, 9, 10)
    },
    **{
        (name, "history"): "newer BuildKits write --chown and --chmod"
        for name in (
            *(f"copy-{number}" for number in (18, 19, 20, 21, 22, 23, 41, 47, 51)),
            *("add-08", "add-10", "stages-09"),
        )
    },
    **{(f"config-{number}", "history"): "newer BuildKits know StartInterval" for number in (23, 24, 25)},
    ("config-18", "WorkingDir"): "newer BuildKits write the path without its dots",
    ("config-18", "history"): "newer BuildKits write the path without its dots",
    ("copy-47", "x"): "what was asked for: Docker 20.10 leaves setuid out",
    ("run-13", "tmp/out"): "newer runtimes count the user's own group, too (CVE-2022-36109)",
}


class Builders(NamedTuple):
    docker: Dockerd
    wherry: Wherry
    work: Path


@pytest.fixture(scope="module")
def builders(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builders]:
    work = tmp_path_factory.mktemp("differential")
    wherry = Wherry(work / "store")
    context.make(work / "c")
    Wherry(busybox_store)("save", "-o", str(work / "bb.tar"), "bb")
    wherry("load", "-i", str(work / "bb.tar"))
    with running_dockerd(Path(f"/tmp/wherry-diff-{os.getpid()}")) as docker:
        docker.load(work / "bb.tar")
        yield Builders(docker, wherry, work)


@pytest.mark.parametrize("text", [*REFUSED, *STRICTER])
def test_what_docker_refuses_is_refused(builders: Builders, text: str) -> None:
    docker, wherry, work = builders
    dockerfile = work / "refused.Dockerfile"
    dockerfile.write_text(text)
    words = ["build", "-f", str(dockerfile), str(work / "c")]
    theirs = docker.run(*words, "--network", "host", env={**os.environ, "DOCKER_BUILDKIT": "1"})
    ours = wherry.run(*words)
    refuses = (theirs.returncode != 0, ours.returncode != 0)
    assert refuses == (text in REFUSED, True), f"{text}\n{theirs.stderr[-500:]}\n{ours.stderr}"


def build(builders: Builders, case: Case) -> tuple[Saved, Saved]:
    """(Docker's, ours)."""
    docker, wherry, work = builders
    args = list(case.args)
    dockerfile = work / f"{case.name}.Dockerfile"
    dockerfile.write_bytes(case.dockerfile.encode())
    if "-f" in args:
        del args[args.index("-f") : args.index("-f") + 2]
        Path(f"{dockerfile}.dockerignore").write_text(
            "node_modules\n*.txt\n!two.txt\ndir/inner\n*.Dockerfile*\n"
        )
    words = ["build", "-f", str(dockerfile), "-t", "x", *args]
    done = docker.run(
        *words, "--network", "host", str(work / "c"), env={**os.environ, "DOCKER_BUILDKIT": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    docker("save", "-o", str(work / "docker.tar"), "x")
    wherry(*words, "--progress", "quiet", str(work / "c"))
    wherry("save", "-o", str(work / "ours.tar"), "x")
    return read(work / "docker.tar"), read(work / "ours.tar")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_dockerfile_gives_what_it_gives_with_docker(builders: Builders, case: Case) -> None:
    theirs, ours = build(builders, case)
    found = {
        **config_differences(theirs.config, ours.config),
        **history_differences(theirs, ours),
        **file_differences(theirs.files, ours.files),
    }
    meant = {what for name, what in DIFFERENCES if name == case.name}
    unmeant = {what: text for what, text in found.items() if what not in meant}
    assert not unmeant, f"{case.dockerfile}\n" + "\n".join(f"{k}: {v}" for k, v in unmeant.items())
    assert meant <= set(found), "a difference that is listed does not occur any more"


def config_differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, str]:
    one, other = _known(theirs), _known(ours)
    return {
        key: f"docker {one.get(key)!r}, wherry {other.get(key)!r}"
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
    return {} if one == ours.history else {"history": f"\n  docker {one}\n  wherry {ours.history}"}


def file_differences(theirs: dict[str, File], ours: dict[str, File]) -> dict[str, str]:
    found = {}
    for path in {*theirs, *ours}:
        one, other = theirs.get(path), ours.get(path)
        if other is None and path in MOUNTED_ON:
            continue
        if one is None or other is None or _shown(one) != _shown(other):
            found[path] = f"docker {one}, wherry {other}"
    return found


def _shown(file: File) -> File:
    """Times that the builder's clock gave are not compared; Docker's folders have those of its transfer."""
    given = file.kind != "5" and file.mtime in (context.OLD, 1_000_000_000)
    return file if given else file._replace(mtime=0)


def test_the_corpus_is_large_and_each_case_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 120 and len({case.name for case in CASES}) == len(CASES)
