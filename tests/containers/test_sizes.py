"""``inspect --size``: what a container wrote, and all that it shows, whatever isolates it."""

from __future__ import annotations

import json

import pytest

from support.ways import WAYS, by_root
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]
WRITES = "head -c 3000 /dev/zero > /a; mkdir /d; ln /a /d/b; ln -s /a /c"  # the link's target is two bytes


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest, bb: Wherry) -> Wherry:
    return by_root(request.param, bb)


def sizes(wherry: Wherry, *words: str) -> tuple[int, int]:
    found = json.loads(wherry(*words, "box"))[0]
    return found["SizeRw"], found["SizeRootFs"]


def test_a_container_tells_its_sizes_where_it_is_asked(way: Wherry) -> None:
    way("run", "--name", "box", "bb", "true")
    empty, image = sizes(way, "inspect", "-s")
    way("rm", "box")
    way("run", "--name", "box", "bb", "sh", "-c", WRITES)
    for words in ("inspect", "--size"), ("container", "inspect", "-s"):
        written, total = sizes(way, *words)
        assert (written - empty, total - image) == (3002, 3002), "hard links count once"
    assert "SizeRw" not in json.loads(way("inspect", "box"))[0]


def test_an_image_takes_the_flag_and_has_no_such_sizes(bb: Wherry) -> None:
    assert "SizeRw" not in json.loads(bb("inspect", "-s", "bb"))[0]
