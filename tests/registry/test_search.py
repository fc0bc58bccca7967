"""``wherry search``: what registries say they have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes.registry import FakeRegistry, Request
from registry.test_faults import layer, put_image
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.registry]
NGINX = {"name": "library/nginx", "description": "a  server\nof the web, " + "long " * 20, "star_count": 7,
         "is_official": True}  # fmt: skip
OTHER = {"name": "someone/nginx", "star_count": 3}


def serves(fake: FakeRegistry, path: str, data: Any, **headers: str) -> None:
    def hook(request: Request) -> bool:
        if not request.path.startswith(path):
            return False
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        request.answer(200, body, **{"Content_Type": "application/json", **headers})
        return True

    fake.hooks.append(hook)


def test_a_registry_that_serves_searches(wherry: Wherry, fake: FakeRegistry) -> None:
    serves(fake, "/v1/search?q=nginx&n=25", {"results": [NGINX, OTHER]})
    lines = wherry("search", f"{fake.host}/nginx").splitlines()
    assert lines[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert lines[1].startswith(f"{fake.host}/library/nginx") and lines[1].endswith("[OK]")
    assert "a server of the web, " in lines[1] and "…" in lines[1]
    full = wherry(
        "search", "--no-trunc", "--format", "{{.Description}}|{{.StarCount}}", f"{fake.host}/nginx"
    )
    assert full.splitlines()[0].endswith("long|7")
    for words, count in (
        (("stars=4",), 1),
        (("is-official=false",), 1),
        (("stars=3", "is-official=true"), 1),
    ):
        found = wherry("search", *(f"-f{word}" for word in words), "--format", "x", f"{fake.host}/nginx")
        assert found.split() == ["x"] * count


def test_a_catalog_is_read_page_by_page(wherry: Wherry, fake: FakeRegistry) -> None:
    serves(fake, "/v2/_catalog?n=1000", {"repositories": ["a/web", "b/db"]},
           Link='</v2/_catalog?last=b>; rel="next"')  # fmt: skip
    serves(fake, "/v2/_catalog?last=b", {"repositories": ["c/webber"]})
    found = wherry("search", "--format", "{{.Name}}", f"{fake.host}/web")
    assert found.split() == [f"{fake.host}/a/web", f"{fake.host}/c/webber"]
    assert len(wherry("search", "--limit", "1", "--format", "x", f"{fake.host}/").split()) == 1


def test_the_real_one_and_its_tags(bb: Wherry, registry: Registry) -> None:
    for tag in ("1", "2"):
        name = f"{registry.host}/search/thing:{tag}"
        bb("tag", "bb", name)
        bb("push", "-q", name)
    assert (
        bb("search", "--format", "{{.Name}}", f"{registry.host}/thing") == f"{registry.host}/search/thing"
    )
    lines = bb("search", "--list-tags", f"{registry.host}/search/thing").splitlines()
    assert lines[0].split() == ["NAME", "TAG"]
    assert sorted(line.split() for line in lines[1:]) == [
        [f"{registry.host}/search/thing", "1"],
        [f"{registry.host}/search/thing", "2"],
    ]


@pytest.mark.parametrize(
    "data",
    [b"<html>", b"[]", b'{"results":1}', b'{"results":[1]}', b"[" * 100_000,
     b'{"results":[{"name":"a","star_count":1e999}]}'],
)  # fmt: skip
def test_an_answer_that_is_none(wherry: Wherry, fake: FakeRegistry, data: bytes) -> None:
    serves(fake, "/v1/search", data)
    assert "is that a registry?" in wherry.fails("search", f"{fake.host}/a", code=1)


def test_what_a_registry_says_does_not_reach_the_terminal_as_it_is(
    wherry: Wherry, fake: FakeRegistry
) -> None:
    serves(fake, "/v1/search", {"results": [{"name": "a\x1b[2J", "description": "\x1b]0;title\x07"}]})
    assert "\x1b" not in wherry("search", "--no-trunc", f"{fake.host}/a")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--limit", "0", "a"), "outside the range of [1, 100]"),
        (("-f", "stars=x", "a"), "invalid filter"),
        (("-f", "size=1", "a"), "stars=N"),
        ((), "requires exactly 1 argument"),
    ],
)
def test_what_is_wrong(wherry: Wherry, words: tuple[str, ...], says: str) -> None:
    assert says in wherry.fails("search", *words, code=125 if words else 1)


def test_a_registry_that_lets_nobody_search(wherry: Wherry, fake: FakeRegistry) -> None:
    put_image(fake, "a", [layer()])
    assert "lets nobody search it" in wherry.fails("search", f"{fake.host}/a", code=1)
