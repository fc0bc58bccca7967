"""wherry build --on kubernetes, as far as no cluster is asked: what cannot be is said first."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.wherry import Wherry

TO = ("-t", "registry.example/app:1", "--push")
IMAGE = ("--builder-image", "registry.example/builder:1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*TO,), "needs an image with wherry for its pods"),
        ((*IMAGE, "-t", "registry.example/app:1"), "nothing is pushed"),
        ((*IMAGE, "-t", "localhost:5000/app:1", "--push"), "localhost:5000 is the pod itself"),
        ((*IMAGE, *TO, "-o", "out"), "--output type=local is not for --on kubernetes"),
        ((*IMAGE, *TO, "--load"), "--output type=docker is not for --on kubernetes"),
        ((*IMAGE, *TO, "--cache-to", "type=local,dest=x"), "a cache of type local"),
        ((*IMAGE, *TO, "--parallel", "0"), "at least one pod has to run"),
        ((*IMAGE, *TO, "--driver-opt", "cpu=2"), "unknown key cpu"),
        ((*TO, "--builder-image", "A"), "invalid reference format"),
        ((*IMAGE, *TO, "--build-context", "a=https://me:pw@h.example/a.git"), "xxxxx@h.example/a.git has"),
        ((*IMAGE, *TO, "--kubeconfig", "nowhere"), "there is no nowhere"),
    ],
)
def test_what_no_cluster_could_do_is_said_before_one_is_asked(
    wherry: Wherry, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    said = wherry.fails("build", "--on", "kubernetes", *words, ".", cwd=tmp_path).splitlines()
    assert says in said[0] and len(said) <= 2, said


@pytest.mark.parametrize("word", ["--namespace=n", "--parallel=2", "--driver-opt=timeout=1s"])
def test_flags_of_pods_are_nothing_to_a_build_of_this_machine(wherry: Wherry, word: str) -> None:
    said = wherry.fails("build", word, ".", code=125)
    assert f"{word.partition('=')[0]} is for --on kubernetes" in said


def test_the_builds_own_call_is_answered_here(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch AS one\n")
    assert "one" in wherry("build", "--on", "kubernetes", "--call", "targets", str(tmp_path))
