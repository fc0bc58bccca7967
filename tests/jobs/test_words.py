"""The command lines of pods are such that wherry understands."""

from __future__ import annotations

from wherry.cli.builder.build import COMMAND
from wherry.cli.builder.secrets import given
from wherry.cli.core.flags import parse
from wherry.jobs.stages import StagePod
from wherry.jobs.words import Words, secret_flag

A, B = StagePod(0, "a" * 200), StagePod(3, "b", frozenset({0}))
LAST = ("--tag=r.example/app:1", "--push")


def caches(line: list[str], flag: str) -> list[str]:
    options = parse(COMMAND, line[1:])
    assert options is not None and options.args == ["oci://it"]
    return [word.split("ref=")[1].partition(",")[0] for word in options.strings(flag)]


def test_each_pod_reads_all_caches_and_writes_one_of_its_own() -> None:
    words = Words(("--label=a=b",), LAST, "oci://it", "r.example/app", (A, B))
    image = "r.example/app:buildcache"
    all_ = [image, f"{image}-{'a' * 100}", f"{image}-b"]
    lines = [words.of_image(), words.of_stage(A), words.of_stage(B)]
    assert [caches(line, "cache-from") for line in lines] == [all_] * 3
    assert [caches(line, "cache-to") for line in lines] == [[place] for place in all_]
    assert ["--push" in line for line in lines] == [True, False, False]
    assert all("checkpoint=true" in word for line in lines for word in line if "--cache-to" in word)


def test_a_cache_of_the_users_own_takes_the_place_of_ours() -> None:
    own = (*LAST, "--cache-to=type=registry,ref=r.example/mine")
    line = Words((), own, "oci://it", "r.example/app", write=True).of_image()
    assert (caches(line, "cache-to"), caches(line, "cache-from")) == (["r.example/mine"], [])


def test_any_id_of_a_secret_comes_through() -> None:
    for name in ("key", "a,b", 'say "x"', "a=b"):
        options = parse(COMMAND, [secret_flag(0, name).replace("/run/wherry/secret-0", __file__), "."])
        assert options is not None
        found = given(options.strings("secret"), [])
        assert found is not None and list(found.secrets) == [name]
