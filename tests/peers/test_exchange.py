"""Images between wherry and other programs, both ways, in every format that both have."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from support.contents import Contents, contents, raw_manifest
from support.peers import (
    DOCKER_ARCHIVE,
    LAYOUT,
    OCI_ARCHIVE,
    Buildah,
    BuildahOfSid,
    Crane,
    Peer,
    Podman,
    PodmanOfSid,
    Regctl,
    Skopeo,
    SkopeoOfSid,
)
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.peers, pytest.mark.root, pytest.mark.runtime, pytest.mark.registry]
Start = Callable[[type[Peer]], Peer]

DOCKERFILE = """\
FROM bb
RUN echo one > /f && chown 70000:80000 /f && chmod 4755 /f && ln /f /hard && ln -s f /soft && mkfifo /fifo
RUN rm /hard && mkdir -p /d/e && echo x > /d/e/f
RUN rm -r /d && mkdir /d && echo y > /d/new
ENV A=1
LABEL b="c d"
CMD ["cat", "/f"]
"""
SCRIPT = (
    "cat /soft; stat -c '%u:%g %a' /f; ls -a /d | tr '\\n' ' '; test ! -e /hard && test -p /fifo && echo $A"
)
SAID = "one\n70000:80000 4755\n. .. new 1"
LONG: tuple[type[Peer], ...] = (Regctl, SkopeoOfSid, PodmanOfSid, BuildahOfSid)
PEERS: tuple[type[Peer], ...] = (Skopeo, Podman, Buildah, Crane, *LONG)


def both(way: str) -> list[ParameterSet]:
    """Each peer with each kind of place that it `sends` or `fetches`."""
    return [
        pytest.param(peer, form, id=f"{peer.__name__}-{form}", marks=[pytest.mark.long] * (peer in LONG))
        for peer in PEERS
        for form in getattr(peer, way)
    ]


@pytest.fixture(scope="module")
def source(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Wherry:
    """A store with the image ``app``."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(busybox_store, folder / "store", symlinks=True)
    wherry = Wherry(folder / "store")
    wherry.build(folder / "c", DOCKERFILE, "-t", "app")
    return wherry


@pytest.fixture(scope="module")
def truth(source: Wherry, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """What is in ``app``."""
    place = f"oci-archive:{tmp_path_factory.mktemp('truth') / 'app.tar'}"
    source("copy", "-q", "wherry:app", place)
    found = contents(place)
    assert found.config == source("images", "-q", "--no-trunc", "app") and len(found.layers) == 4
    return found


def path_of(kind: str, folder: Path, name: str) -> str:
    """A place; where the kind has names, the image is called so."""
    return f"{kind}:{folder / name}" + (
        ":app:1" if kind == DOCKER_ARCHIVE else ":1" if kind == LAYOUT else ""
    )


def is_the_image(wherry: Wherry, name: str, truth: Contents) -> None:
    """A store has the image: its configuration, its files, and nothing that is damaged."""
    assert wherry("inspect", "-f", "{{.Id}}", name) == truth.config
    assert json.loads(wherry("inspect", name))[0]["RootFS"]["Layers"] == list(truth.layers)
    assert wherry("run", "--rm", "--pull", "never", name, "sh", "-c", SCRIPT) == SAID
    assert "nothing is wrong" in wherry("system", "check")


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize(("kind", "form"), both("fetches"))
def test_a_peer_fetches_what_was_pushed(
    source: Wherry,
    truth: Contents,
    registry: Registry,
    started: Start,
    tmp_path: Path,
    kind: type[Peer],
    form: str,
    compression: str,
) -> None:
    peer, name = started(kind), f"{registry.host}/pushed/{compression}:1"
    source("tag", "app", name)
    digest = source("push", "--compression", compression, name).split()[-3]
    place = path_of(form, tmp_path, "fetched")
    if compression == "zstd" and form == DOCKER_ARCHIVE and kind in (Skopeo, Podman, Buildah):
        with pytest.raises(AssertionError, match="zstd compression is not supported for docker images"):
            peer.fetch(name, place)
        return
    peer.fetch(name, place)
    found = contents(place)
    assert found[:2] == truth[:2]
    assert not (peer.exact and found.manifest) or found.manifest == digest


@pytest.mark.parametrize(("kind", "form"), both("sends"))
def test_a_peer_sends_what_was_copied_and_it_comes_back_and_leaves_unchanged(
    source: Wherry,
    other: Wherry,
    truth: Contents,
    registry: Registry,
    started: Start,
    tmp_path: Path,
    kind: type[Peer],
    form: str,
) -> None:
    peer, place = started(kind), path_of(form, tmp_path, "copied")
    source("copy", "-q", "wherry:app", place)
    assert contents(place)[:2] == truth[:2]
    name, again = (f"{registry.host}/{word}/{kind.__name__.lower()}-{form}:1" for word in ("sent", "again"))
    peer.send(place, name)
    other("pull", "-q", name)
    # Of a docker-archive's image a peer may write the configuration anew, in OCI's types.
    config = json.loads(raw_manifest(name))["config"]["digest"]
    assert form == DOCKER_ARCHIVE or config == truth.config
    is_the_image(other, name, Contents(config, truth.layers))
    other("tag", name, again)
    other("push", "-q", again)
    assert raw_manifest(again) == raw_manifest(name)


@pytest.mark.parametrize(("kind", "form"), both("fetches"))
def test_what_a_peer_wrote_is_loaded_and_copied(
    source: Wherry,
    other: Wherry,
    truth: Contents,
    registry: Registry,
    started: Start,
    tmp_path: Path,
    kind: type[Peer],
    form: str,
) -> None:
    peer, name = started(kind), f"{registry.host}/written:1"
    source("tag", "app", name)
    source("push", "-q", name)
    place = path_of(form, tmp_path, "written")
    peer.fetch(name, place)
    place = ":".join(place.split(":")[:2])
    other("copy", "-q", place, "wherry:copied")
    is_the_image(other, "copied", truth)
    other("rmi", "copied")
    if form != LAYOUT:
        loaded = other("load", "-q", "-i", place.split(":")[1]).rpartition(": ")[2]
        is_the_image(other, loaded, truth)
    sent = f"{registry.host}/sent/on-{kind.__name__.lower()}-{form}:1"
    other("copy", "-q", place, f"docker://{sent}")
    back = Wherry(tmp_path / "back")
    back("pull", "-q", sent)
    is_the_image(back, sent, truth)


@pytest.mark.parametrize("written", [DOCKER_ARCHIVE, OCI_ARCHIVE])
@pytest.mark.parametrize("kind", [Podman, Buildah])
def test_a_peer_with_a_store_takes_what_save_writes(
    source: Wherry, truth: Contents, started: Start, tmp_path: Path, kind: type[Peer], written: str
) -> None:
    """It holds both shapes in one file."""
    peer, archive = started(kind), tmp_path / "saved.tar"
    source("save", "-o", str(archive), "app")
    image = peer("pull", "-q", f"{written}:{archive}")
    assert "sha256:" + image == truth.config
    place = path_of(DOCKER_ARCHIVE, tmp_path, "out")
    peer("push", "-q", image, place)
    assert contents(place)[:2] == truth[:2]
