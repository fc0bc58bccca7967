"""``wherry inspect`` of images that are somewhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copying.test_image import put_index
from fakes.registry import FakeRegistry, cut
from registry.test_faults import layer, put_image
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.registry]


def test_what_a_registry_has_is_shown_without_its_layers(wherry: Wherry, fake: FakeRegistry) -> None:
    top = put_index(fake, "a")
    (found,) = json.loads(wherry("image", "inspect", f"docker://{fake.host}/a"))
    assert (found["Architecture"], found["Os"]) == ("amd64", "linux")
    assert found["RepoTags"] == [f"{fake.host}/a:latest"]
    assert found["RepoDigests"] == [f"{fake.host}/a@{top}"] and found["Descriptor"]["digest"] == top
    assert found["Platforms"] == ["linux/amd64", "linux/arm64"]
    layers = json.loads(fake.manifests["a", "amd64"][1])["layers"]
    assert found["Layers"] == layers and found["Size"] == sum(each["size"] for each in layers)
    assert fake.count("GET", layers[0]["digest"]) == 0
    words = (
        "inspect",
        "--platform",
        "linux/arm64",
        "-f",
        "{{.Architecture}}",
        f"docker://{fake.host}/a@{top}",
    )
    assert wherry(*words) == "arm64"
    assert wherry("images", "-q") == ""


def test_it_says_what_the_local_one_says(bb: Wherry, registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.host}/inspect/bb"
    bb("tag", "bb", name)
    bb("push", "-q", name)
    bb("copy", "-q", "wherry:bb", f"oci:{tmp_path}/layout:1")
    bb("save", "-o", str(tmp_path / "a.tar"), "bb")
    (local,) = json.loads(bb("inspect", "bb"))
    for place in (f"docker://{name}", f"oci:{tmp_path}/layout", f"docker-archive:{tmp_path}/a.tar",
                  f"oci-archive:{tmp_path}/a.tar"):  # fmt: skip
        (found,) = json.loads(bb("inspect", place))
        for member in ("Id", "Created", "Config", "Architecture", "Os", "RootFS"):
            assert found[member] == local[member], (place, member)


def test_a_configuration_that_is_cut_or_wrong(wherry: Wherry, fake: FakeRegistry) -> None:
    put_image(fake, "a", [layer(1, 100)])
    config = json.loads(fake.manifests["a", "latest"][1])["config"]["digest"]
    fake.hooks.append(cut(config, 10, 1))
    assert json.loads(wherry("inspect", f"docker://{fake.host}/a"))[0]["Id"] == config
    fake.blobs[config] = b"{}"
    said = wherry.fails("inspect", f"docker://{fake.host}/a", code=1)
    assert config in said and "came with other bytes" in said


def test_what_is_nowhere(wherry: Wherry, fake: FakeRegistry) -> None:
    assert "not found" in wherry.fails("inspect", f"docker://{fake.host}/a", code=1)
    assert "docker://NAME asks a registry" in wherry.fails("inspect", "nothing", code=1)
