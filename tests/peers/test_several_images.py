"""Archives of several images, which podman writes and reads, and wherry too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.peers import Podman, Skopeo
from support.wherry import Wherry

pytestmark = [pytest.mark.peers, pytest.mark.root, pytest.mark.runtime, pytest.mark.registry]
NAMES = ("one", "two")
SHARED = "FROM bb\nRUN echo shared > /shared\n"


@pytest.fixture
def two(bb: Wherry, tmp_path: Path) -> Wherry:
    """Two images with a layer in common, the first with two names, and each with a file of its own."""
    for name in NAMES:
        bb.build(
            tmp_path / name, f"{SHARED}RUN echo {name} > /own\n", "-t", f"localhost/{name}:1", "-t", name
        )
    bb("tag", "one", "localhost/one:again")
    return bb


def are_the_images(wherry: Wherry, source: Wherry, *names: str) -> None:
    for name, own in zip(names, NAMES, strict=True):
        assert wherry("inspect", "-f", "{{.Id}}", name) == source("inspect", "-f", "{{.Id}}", own)
        assert wherry("run", "--rm", "--pull", "never", name, "cat", "/shared", "/own") == f"shared\n{own}"
    assert "nothing is wrong" in wherry("system", "check")


def written_by_podman(two: Wherry, podman: Podman, folder: Path) -> Path:
    saved = folder / "saved.tar"
    two("save", "-o", str(saved), "localhost/one:1", "localhost/one:again", "localhost/two:1")
    loaded = podman("load", "-q", "-i", str(saved))
    for name in ("localhost/one:1", "localhost/one:again", "localhost/two:1"):
        assert name in loaded
    archive = folder / "podman.tar"
    words = ("--multi-image-archive", "--format", "docker-archive", "-o", str(archive))
    podman("save", "-q", *words, "localhost/one:1", "localhost/one:again", "localhost/two:1")
    return archive


def test_podman_loads_several_and_wherry_loads_what_it_saves(
    two: Wherry, other: Wherry, podman: Podman, tmp_path: Path
) -> None:
    archive = written_by_podman(two, podman, tmp_path)
    for name, own in (("localhost/one:again", "one"), ("localhost/two:1", "two")):
        assert podman("image", "inspect", "-f", "{{.Id}}", name) in two("inspect", "-f", "{{.Id}}", own)
        assert podman.sh(name, "cat /shared /own") == f"shared\n{own}"
    said = other("load", "-i", str(archive)).split("\n")
    assert sorted(said) == [f"Loaded image: localhost/{name}" for name in ("one:1", "one:again", "two:1")]
    are_the_images(other, two, "localhost/one:again", "localhost/two:1")


def test_each_image_of_such_an_archive_is_copied_inspected_and_compared_by_its_name(
    two: Wherry, other: Wherry, podman: Podman, skopeo: Skopeo, tmp_path: Path
) -> None:
    archive = written_by_podman(two, podman, tmp_path)
    places = [f"docker-archive:{archive}:localhost/{name}:1" for name in NAMES]
    for name, place in zip(NAMES, places, strict=True):
        other("copy", "-q", place, f"wherry:{name}")
        said = json.loads(skopeo("inspect", "--config", place))
        assert json.loads(other("inspect", place))[0]["RootFS"]["Layers"] == said["rootfs"]["diff_ids"]
    are_the_images(other, two, *NAMES)
    found = json.loads(other("compare", "--json", *places))
    assert [row["path"] for row in found["differences"][0]["files"]] == ["own"]
    assert [image["sizes"]["own"] for image in found["images"]] == [4, 4]
    said = other.fails("copy", f"docker-archive:{archive}", "wherry:none", code=1)
    assert "localhost/one:1, localhost/one:again, localhost/two:1" in said
    assert "localhost/three" in other.fails(
        "compare", f"docker-archive:{archive}:localhost/three:1", code=1
    )
