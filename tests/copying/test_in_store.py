"""``wherry copy`` from and to the store."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from copying.test_image import put_index
from fakes.registry import FakeRegistry
from support.plain import plain_user
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.registry]


def image_id(wherry: Wherry, name: str) -> str:
    return wherry("images", "-q", "--no-trunc", name)


def test_an_image_that_was_made_here_goes_everywhere_and_comes_back(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    bb.build(tmp_path / "c", "FROM bb\nRUN echo hello > /greeting\n", "-t", "made")
    for number, place in enumerate(
        (
            f"docker://{registry.host}/store/made",
            f"oci:{tmp_path}/layout:1",
            f"oci-archive:{tmp_path}/a.tar:1",
            f"docker-archive:{tmp_path}/d.tar:made:1",
        )
    ):
        digest = bb("copy", "-q", "wherry:made", place)
        assert digest.startswith("sha256:")
        other("copy", "-q", place, f"wherry:came:{number}")
        assert image_id(other, f"came:{number}") == image_id(bb, "made")
    assert other("run", "--rm", "came:3", "cat", "/greeting") == "hello"
    assert not (tmp_path / "store/tmp").exists() or not list((tmp_path / "store/tmp").iterdir())


def test_an_image_leaves_by_its_id_and_with_the_manifest_it_came_with(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/store/same"
    bb("tag", "bb", name)
    bb("push", "-q", name)
    other("pull", "-q", name)
    raw = subprocess.run(
        [*other.prefix, "manifest", "inspect", "--raw", name],
        capture_output=True,
        check=True,
        env=other.env,
    ).stdout
    digest = other("copy", "-q", f"wherry:{image_id(other, name)}", f"oci:{tmp_path}/layout:1")
    assert (tmp_path / "layout/blobs/sha256" / digest[7:]).read_bytes() == raw


def test_an_index_comes_by_platform_and_leaves_whole(
    wherry: Wherry, fake: FakeRegistry, bb: Wherry, tmp_path: Path
) -> None:
    put_index(fake, "a")
    place = f"docker://{fake.host}/a"
    wherry("copy", "-q", "--platform", "linux/arm64", place, "wherry:arm")
    assert json.loads(wherry("inspect", "arm"))[0]["Architecture"] == "arm64"
    wherry("copy", "-q", place, "wherry:here")
    assert json.loads(wherry("inspect", "here"))[0]["Architecture"] == "amd64"
    platforms = ("--platform", "linux/amd64,linux/arm64")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    bb("build", "-q", *platforms, "-t", "both", str(tmp_path / "c"))
    bb("copy", "-q", "wherry:both", f"oci:{tmp_path}/layout:1")
    (entry,) = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    index = json.loads((tmp_path / "layout/blobs/sha256" / entry["digest"][7:]).read_text())
    assert [each["platform"]["architecture"] for each in index["manifests"]] == ["amd64", "arm64"]
    for each in index["manifests"]:
        manifest = json.loads((tmp_path / "layout/blobs/sha256" / each["digest"][7:]).read_text())
        assert all(
            (tmp_path / "layout/blobs/sha256" / d["digest"][7:]).exists() for d in manifest["layers"]
        )


def test_a_damaged_layer_does_not_come_in(wherry: Wherry, fake: FakeRegistry) -> None:
    put_index(fake, "a")
    name = json.loads(fake.manifests["a", "amd64"][1])["layers"][0]["digest"]
    fake.blobs[name] = bytes(len(fake.blobs[name]))
    assert "came with bytes of" in wherry.fails("copy", f"docker://{fake.host}/a", "wherry:a", code=1)
    assert wherry("images", "-q") == ""


@pytest.mark.root
def test_a_plain_user_copies_from_and_to_the_store(bb: Wherry, entered_by_all: Path) -> None:
    bb("save", "-o", str(entered_by_all / "bb.tar"), "bb")
    (entered_by_all / "bb.tar").chmod(0o644)
    plain = plain_user(entered_by_all)
    plain("copy", "-q", f"docker-archive:{entered_by_all}/bb.tar", "wherry:bb")
    assert plain("run", "--rm", "bb", "echo", "well") == "well"
    plain("copy", "-q", "wherry:bb", f"docker-archive:{entered_by_all}/home/again.tar:bb")
    assert plain("load", "-i", f"{entered_by_all}/home/again.tar") == "Loaded image: bb:latest"
