"""Caches that go to a registry or a folder, and what another machine does with them."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from fakes.registry import FakeRegistry
from registry.test_faults import answers
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.registry]
TEXT = """\
FROM bb AS build
WORKDIR /src
RUN echo tool > /tool; cat /proc/sys/kernel/random/uuid > /chance
COPY main .
RUN cat /tool main > /out
FROM bb
RUN cat /proc/sys/kernel/random/uuid > /chance
COPY --from=build /out /out
COPY --from=build /chance /first
"""


@pytest.fixture
def second(busybox_store: Path, tmp_path: Path) -> Wherry:
    """Another machine with the base image and nothing else."""
    shutil.copytree(busybox_store, tmp_path / "second", symlinks=True)
    return Wherry(tmp_path / "second")


def context(folder: Path, text: str = TEXT, main: str = "main\n") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(text)
    (folder / "main").write_text(main)
    return str(folder)


def steps(wherry: Wherry, *words: str) -> dict[str, str]:
    """What became of each step of a build but FROM, and what was said."""
    done = wherry.run("build", "--progress", "plain", *words)
    assert done.returncode == 0, done.stderr
    names = dict(re.findall(r"^#([0-9]+) (\[.*)$", done.stderr, re.M))
    ends = dict(re.findall(r"^#([0-9]+) (CACHED|DONE)", done.stderr, re.M))
    return {
        name: ends.get(number, "")
        for number, name in names.items()
        if not name.startswith("[cache]") and "] FROM " not in name
    } | {"said": done.stderr}


def layers_here(wherry: Wherry) -> int:
    return len(os.listdir(wherry.root / "layers"))


@pytest.mark.parametrize("kind", ["registry", "local"])
def test_another_machine_takes_every_step_from_the_cache(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path, kind: str
) -> None:
    """Also those of a stage that is not in the image; chance tells whether anything ran again."""
    ref = f"ref={registry.host}/cache/{kind}"
    there = ref if kind == "registry" else f"dest={tmp_path}/cache"
    here = ref if kind == "registry" else f"src={tmp_path}/cache"
    folder = context(tmp_path / "c")
    bb("build", "-q", "-t", "app", "--cache-to", f"type={kind},{there},mode=max", folder)
    found = steps(second, "-t", "app", "--cache-from", f"type={kind},{here}", context(tmp_path / "clone"))
    said = found.pop("said")
    assert set(found.values()) == {"CACHED"} and len(found) == 7, said
    read = ("run", "--rm", "app", "cat", "/chance", "/first", "/out")
    assert second(*read) == bb(*read)
    assert second("images", "-q", "--no-trunc", "app") == bb("images", "-q", "--no-trunc", "app")
    explained = second("explain")
    assert explained.count(f"from the cache {kind} ") == 7
    assert "nothing is wrong" in second("system", "check")
    again = steps(second, "-t", "app", "--cache-from", f"type={kind},{here}", folder)
    again.pop("said")
    assert set(again.values()) == {"CACHED"}


def test_a_layer_that_nobody_reads_is_not_fetched(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    text = "FROM bb AS build\nRUN echo 1 > /1\nRUN echo 2 > /2\nFROM bb\nCOPY --from=build /2 /2\n"
    cache = f"type=registry,ref={registry.host}/cache/lazy"
    folder = context(tmp_path / "c", text)
    bb("build", "-q", "-t", "app", "--cache-to", f"{cache},mode=max", folder)
    before = layers_here(second)
    found = steps(second, "-t", "app", "--cache-from", cache, folder)
    assert "1 layer of registry" in found["said"] and layers_here(second) == before + 1
    # What is built on one of them fetches that.
    more = text.replace("RUN echo 2 > /2", "RUN cat /1 > /2")
    found = steps(second, "-t", "app", "--cache-from", cache, context(tmp_path / "d", more))
    assert second("run", "--rm", "app", "cat", "/2") == "1"


def test_a_context_is_copied_onto_layers_that_are_elsewhere_without_fetching_them(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """Also into a WORKDIR that one of them makes, by an owner whom one of them names."""
    text = """\
FROM bb AS build
RUN mkdir -p /srv/app && echo 'me:x:7:8::/:/bin/sh' >> /etc/passwd
WORKDIR /srv/app
COPY --chown=me main data*.txt ./
COPY --link main /linked
RUN cat main > /out
FROM bb
COPY --from=build /out /out
"""
    cache = f"type=registry,ref={registry.host}/cache/unseen"
    bb("build", "-q", "-t", "app", "--cache-to", f"{cache},mode=max", context(tmp_path / "c", text))
    before = layers_here(second)
    found = steps(second, "-t", "app", "--cache-from", cache, context(tmp_path / "d", text))
    said = found.pop("said")
    assert set(found.values()) == {"CACHED"} and len(found) == 6, said
    assert layers_here(second) == before + 1
    changed = context(tmp_path / "e", text, main="other\n")
    found = steps(second, "-t", "app", "--cache-from", cache, changed)
    assert found["[build 3/6] WORKDIR /srv/app"] == "CACHED"
    assert found["[build 4/6] COPY --chown=me main data*.txt ./"] == "DONE"
    assert second("run", "--rm", "app", "cat", "/out") == "other"


def test_the_smaller_mode_holds_the_images_own_steps(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    cache = f"type=registry,ref={registry.host}/cache/min"
    folder = context(tmp_path / "c")
    bb("build", "-q", "-t", "app", "--cache-to", cache, folder)
    found = steps(second, "-t", "app", "--cache-from", cache, folder)
    assert found["[stage-1 2/4] RUN cat /proc/sys/kernel/random/uuid > /chance"] == "CACHED"
    assert found["[build 3/5] RUN echo tool > /tool; cat /proc/sys/kernel/random/uuid > /chance"] == "DONE"


def test_a_cache_that_passes_through_a_machine_is_not_fetched_for_it(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """What is at the registry already stays there, and the next machine finds all of it."""
    cache = f"type=registry,ref={registry.host}/cache/pass"
    text = "FROM bb AS build\nRUN echo 1 > /1\nRUN echo 2 > /2\nFROM bb\nCOPY --from=build /2 /2\n"
    folder = context(tmp_path / "c", text)
    bb("build", "-q", "-t", "app", "--cache-to", f"{cache},mode=max", folder)
    both = ("--cache-from", cache, "--cache-to", f"{cache},mode=max")
    before = layers_here(second)
    steps(second, "-t", "app", *both, folder)
    assert layers_here(second) == before + 1
    third = Wherry(tmp_path / "third")
    shutil.copytree(bb.root.parent / "second", third.root, symlinks=True)
    third("prune", "-af")
    third("rmi", "-f", "app")
    found = steps(third, "--cache-from", cache, folder)
    found.pop("said")
    assert set(found.values()) == {"CACHED"}


def test_what_changed_is_built_and_the_rest_comes(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    cache = f"type=registry,ref={registry.host}/cache/changed"
    bb("build", "-q", "--cache-to", f"{cache},mode=max", context(tmp_path / "c"))
    found = steps(second, "-t", "app", "--cache-from", cache, context(tmp_path / "d", main="other\n"))
    assert (
        found["[build 3/5] RUN echo tool > /tool; cat /proc/sys/kernel/random/uuid > /chance"] == "CACHED"
    )
    assert found["[build 4/5] COPY main ."] == "DONE"
    assert second("run", "--rm", "app", "cat", "/out") == "tool\nother"


def test_no_cache_asks_no_cache(bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path) -> None:
    cache = f"type=registry,ref={registry.host}/cache/none"
    folder = context(tmp_path / "c")
    bb("build", "-q", "--cache-to", f"{cache},mode=max", folder)
    found = steps(second, "--no-cache", "--cache-from", cache, folder)
    found.pop("said")
    assert "CACHED" not in found.values()


def test_a_cache_that_cannot_be_used_is_said_and_done_without(
    bb: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """An absent one, an image, and one that BuildKit wrote."""
    folder = context(tmp_path / "c")
    bb("build", "-q", "--push", "-t", f"{registry.host}/cache/image", folder)
    for number, (cache, says) in enumerate(
        (
            (f"{registry.host}/cache/absent", "not found"),
            (f"{registry.host}/cache/image", "it is not a wherry cache but an image"),
            ("127.0.0.1:1/x", "connection refused"),
            (f"type=local,src={tmp_path}/nowhere", "holds no cache"),
        )
    ):
        done = bb.run("build", "--cache-from", cache, folder)
        assert done.returncode == 0 and "is not used" not in done.stderr  # all of it is known here
        changed = context(tmp_path / str(number), TEXT.replace("tool", f"tool{number}"))
        done = bb.run("build", "--cache-from", cache, changed)
        assert done.returncode == 0 and "is not used" in done.stderr and says in done.stderr, done.stderr


def test_buildkits_cache_is_recognised(second: Wherry, fake: FakeRegistry, tmp_path: Path) -> None:
    config = fake.put_blob(b"{}")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": config, "size": 2},
        "layers": [],
    }
    fake.put("a", "latest", str(manifest["mediaType"]), json.dumps(manifest).encode())
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest["config"]],
    }
    fake.put("b", "latest", str(index["mediaType"]), json.dumps(index).encode())
    for name in "ab":
        changed = context(tmp_path / name, TEXT.replace("tool", name))
        found = steps(second, "--cache-from", f"{fake.host}/{name}", changed)
        assert "it is not a wherry cache but one that BuildKit wrote" in found["said"]


def test_a_cache_that_cannot_be_written_fails_unless_that_does_not_matter(
    bb: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    """The image is there all the same."""
    folder = context(tmp_path / "c")
    fake.hooks.append(answers("uploads", 403))
    cache = f"type=registry,ref={fake.host}/a"
    said = bb.fails("build", "-t", "app", "--cache-to", cache, folder, code=1)
    assert "denied" in said
    assert bb("run", "--rm", "app", "cat", "/out") == "tool\nmain"
    done = bb.run("build", "--cache-to", f"{cache},ignore-error=true", folder)
    assert done.returncode == 0 and "was not written" in done.stderr


def test_layers_of_a_cache_that_lies_are_not_used(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """A layer that is not what its record says ends the build; nothing of it is kept."""
    folder = context(tmp_path / "c")
    cache = tmp_path / "cache"
    bb("build", "-q", "--cache-to", f"type=local,dest={cache},mode=max", folder)
    index = json.loads((cache / "index.json").read_text())
    name = index["manifests"][0]["digest"].removeprefix("sha256:")
    layers = json.loads((cache / "blobs/sha256" / name).read_text())["layers"]
    for layer in layers:
        path = cache / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    said = second.fails("build", "--cache-from", f"type=local,src={cache}", folder, code=1)
    assert "came with bytes of" in said
    assert layers_here(second) == layers_here(bb) - 6
    assert "nothing is wrong" in second("system", "check")


def test_a_secret_is_in_no_cache(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("geheim")
    folder = context(
        tmp_path / "c", "FROM bb\nRUN --mount=type=secret,id=s cat /run/secrets/s | wc -c > /n\n"
    )
    cache = tmp_path / "cache"
    secret = ("--secret", f"id=s,src={tmp_path}/secret")
    bb("build", "-q", *secret, "--cache-to", f"type=local,dest={cache}", folder)
    for file in (cache / "blobs/sha256").iterdir():
        assert b"geheim" not in file.read_bytes()


OWN = "FROM bb\nRUN cat /proc/sys/kernel/random/uuid > /chance\nENV A=b\nCOPY main /main\n"


def member(wherry: Wherry, image: str) -> object:
    """What an image's configuration says of its cache."""
    config = wherry.root / "blobs/sha256" / wherry("image", "inspect", "-f", "{{.Id}}", image)[7:]
    return json.loads(config.read_bytes()).get("wherry.cache.v1")


@pytest.mark.parametrize(
    ("asks", "names"),
    [
        (["--cache-to", "type=inline"], "type=registry,ref={}"),
        (["--build-arg", "BUILDKIT_INLINE_CACHE=1"], "{}"),
    ],
)
def test_an_image_may_hold_the_cache_of_its_own_steps(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path, asks: list[str], names: str
) -> None:
    ref = f"{registry.host}/inline{len(asks[1])}/app"
    folder = context(tmp_path / "c", OWN)
    done = bb.run("build", "-t", ref, "--push", *asks, folder)
    assert done.returncode == 0 and "not consumed" not in done.stderr
    before = layers_here(second)
    found = steps(second, "-t", "app", "--cache-from", names.format(ref), context(tmp_path / "d", OWN))
    said = found.pop("said")
    assert list(found.values()) == ["CACHED", "CACHED"], said
    assert layers_here(second) == before + 2
    assert second("run", "--rm", "app", "cat", "/chance") == bb("run", "--rm", ref, "cat", "/chance")
    assert f"from the cache registry {ref}" in second("explain")
    changed = context(tmp_path / "e", OWN, main="other\n")
    found = steps(second, "-t", "app", "--cache-from", names.format(ref), changed)
    found.pop("said")
    assert list(found.values()) == ["CACHED", "DONE"]


def test_an_image_with_a_cache_is_the_same_image_when_it_is_built_again(bb: Wherry, tmp_path: Path) -> None:
    folder = context(tmp_path / "c", OWN)
    build = ("build", "-q", "--cache-to", "type=inline", folder)
    first = bb(*build)
    assert bb(*build) == first
    assert bb("build", "-q", folder) != first
    bb("build", "-q", "--no-cache-filter", "x", folder)
    assert bb(*build) == first


def test_a_cache_is_not_inherited_by_what_is_built_upon_the_image(bb: Wherry, tmp_path: Path) -> None:
    bb("build", "-q", "-t", "below", "--cache-to", "type=inline", context(tmp_path / "c", OWN))
    bb("build", "-q", "-t", "above", context(tmp_path / "d", "FROM below\nRUN true > /above\n"))
    keys = member(bb, "below")
    assert isinstance(keys, dict) and [layer["layer"] for layer in keys["layers"]] == [1, 2]
    assert member(bb, "above") is None
    bb("build", "-q", "-t", "above", "--cache-to", "type=inline", str(tmp_path / "d"))
    keys = member(bb, "above")
    assert isinstance(keys, dict) and [layer["layer"] for layer in keys["layers"]] == [3]


def test_an_image_without_a_cache_is_said_to_be_one(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    ref = f"{registry.host}/inline/without"
    folder = context(tmp_path / "c", OWN)
    bb("build", "-q", "-t", ref, "--push", folder)
    found = steps(second, "--cache-from", ref, folder)
    assert "an image without one (--cache-to type=inline gives it one)" in found["said"]


def test_the_one_for_the_builds_platform_is_asked_for(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    ref = f"{registry.host}/inline/index"
    text = "FROM scratch\nARG TARGETARCH\nCOPY main /$TARGETARCH\n"
    folder = context(tmp_path / "c", text)
    two = ("--platform", "linux/amd64,linux/arm64")
    bb("build", "-q", "-t", ref, "--push", "--cache-to", "type=inline", *two, folder)
    found = steps(second, *two, "-t", "app", "--cache-from", ref, folder)
    said = found.pop("said")
    assert set(found.values()) == {"CACHED"}, said


def test_an_inline_cache_is_refused_where_it_cannot_be(bb: Wherry, tmp_path: Path) -> None:
    folder = context(tmp_path / "c", OWN)
    said = bb.fails("build", "--reproducible", "--cache-to", "type=inline", folder, code=125)
    assert "an inline cache names layers as steps made them" in said
    said = bb.fails("build", "--cache-to", "type=inline,mode=max", folder, code=125)
    assert "mode=max is not for it" in said
    said = bb.fails("build", "--cache-from", "type=inline", folder, code=125)
    assert "type=registry,ref=IMAGE reads the one of an image" in said
