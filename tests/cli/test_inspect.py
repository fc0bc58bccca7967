"""``inspect``, of any kind or of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.wherry import Wherry

pytestmark = pytest.mark.root


@pytest.fixture
def things(wherry: Wherry, tmp_path: Path) -> Wherry:
    """An image, a container and a volume, all called `one`, and one of each with a name of its own."""
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCMD ["x"]\n')
    wherry("build", "-t", "one", "-t", "picture", str(tmp_path))
    for name in ("one", "box"):
        wherry("create", "--name", name, "picture")
    for name in ("one", "data"):
        wherry("volume", "create", name)
    return wherry


def test_of_one_name_the_container_comes_first_and_a_type_chooses(things: Wherry) -> None:
    (container,) = json.loads(things("inspect", "one"))
    (image,) = json.loads(things("inspect", "--type", "image", "one"))
    (volume,) = json.loads(things("inspect", "--type", "volume", "one"))
    assert (container["Name"], image["Config"]["Cmd"], volume["Name"]) == ("/one", ["x"], "one")
    assert things("inspect", "-f", "{{.Driver}}", "data") == "local"
    assert "invalid argument" in things.fails("inspect", "--type", "network", "one", code=125)


@pytest.mark.parametrize(
    ("kind", "own", "others", "words"),
    [
        ("image", "picture", ("box", "data"), "No such image: {}"),
        ("container", "box", ("picture", "data"), "No such container: {}"),
        ("volume", "data", ("picture", "box"), "get {}: no such volume"),
    ],
)
def test_each_kind_knows_its_own_alone(
    things: Wherry, kind: str, own: str, others: tuple[str, ...], words: str
) -> None:
    assert len(json.loads(things(kind, "inspect", own, "one"))) == 2
    for words_of in ((kind, "inspect"), ("inspect", "--type", kind)):
        for other in others:
            done = things.run(*words_of, other)
            assert done.returncode == 1 and words.format(other) in done.stderr
