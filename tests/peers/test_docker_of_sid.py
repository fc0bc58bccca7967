"""Images to and from docker 28 with containerd's image store, which keeps indexes and attestations."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dockerd import Dockerd, running_dockerd
from support.peers import of_sid
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.peers, pytest.mark.long, pytest.mark.root, pytest.mark.runtime]
DOCKERFILE = """\
FROM bb
RUN echo one > /f && chown 70000:80000 /f && chmod 4755 /f && ln -s f /soft
RUN mkdir -p /d/e && echo x > /d/e/f
RUN rm -r /d && mkdir /d
LABEL a=b
CMD ["cat", "/f"]
"""
SCRIPT = "cat /soft; stat -c '%u:%g %a' /f; ls -a /d | wc -l"
SHOWN = "one\n70000:80000 4755\n2"


@pytest.fixture(scope="module")
def docker() -> Iterator[Dockerd]:
    before = of_sid()
    with (
        tempfile.TemporaryDirectory(prefix="wd") as folder,
        running_dockerd(Path(folder) / "d", before) as one,
    ):
        assert one("info", "--format", "{{.Driver}}") == "overlayfs"
        yield one


def runs(docker: Dockerd, name: str) -> str:
    return docker("run", "--rm", "--network=none", name, "sh", "-c", SCRIPT)


def test_archives_go_there_and_back(bb: Wherry, other: Wherry, docker: Dockerd, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", DOCKERFILE, "-t", "there:1", "-t", "there:2")
    bb("save", "-o", str(tmp_path / "there.tar"), "there:1", "there:2")
    said = docker.load(tmp_path / "there.tar")
    assert "there:1" in said and "there:2" in said
    assert runs(docker, "there:1") == SHOWN
    docker("save", "-o", str(tmp_path / "back.tar"), "there:1")
    other("load", "-i", str(tmp_path / "back.tar"))
    assert other("images", "-q", "--no-trunc") == image
    assert other("run", "--rm", "there:1", "sh", "-c", SCRIPT) == SHOWN
    docker("rmi", "there:1", "there:2")


@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_what_a_build_writes_is_loaded(bb: Wherry, docker: Dockerd, tmp_path: Path, kind: str) -> None:
    more = ["--sbom=true", "--provenance=true"] if kind == "oci" else []
    bb.build(
        tmp_path / "c", DOCKERFILE, "-t", f"{kind}:1", "-o", f"type={kind},dest={tmp_path}/x.tar", *more
    )
    docker.load(tmp_path / "x.tar")
    assert runs(docker, f"{kind}:1") == SHOWN
    assert docker("images", "-q", kind).count("\n") == 0
    docker("rmi", f"{kind}:1")


@pytest.mark.registry
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_registry_between_us_keeps_the_digest(
    bb: Wherry, other: Wherry, docker: Dockerd, registry: Registry, tmp_path: Path, compression: str
) -> None:
    ours, theirs, again = (
        f"{registry.host}/sid/{name}:{compression}" for name in ("ours", "theirs", "again")
    )
    bb.build(tmp_path / "c", DOCKERFILE, "-t", ours)
    digest = bb("push", "--compression", compression, ours).split()[-3]
    assert f"Digest: {digest}" in docker("pull", ours)
    assert runs(docker, ours) == SHOWN
    docker("tag", ours, theirs)
    pushed = next(word for word in docker("push", theirs).split() if word.startswith("sha256:"))
    assert pushed == digest
    assert f"Digest: {digest}" in other("pull", theirs)
    assert other("run", "--rm", theirs, "sh", "-c", SCRIPT) == SHOWN
    other("tag", theirs, again)
    assert other("push", again).split()[-3] == digest
    docker("rmi", ours, theirs)


@pytest.mark.registry
def test_an_index_with_attestations(
    bb: Wherry, docker: Dockerd, registry: Registry, tmp_path: Path
) -> None:
    """docker takes the image for its machine out of it, and hands on that one as it is."""
    name, theirs = f"{registry.host}/sid/many:1", f"{registry.host}/sid/many:theirs"
    text = "FROM scratch\nCOPY Dockerfile /\n"
    platforms = ("--platform", "linux/amd64,linux/arm64", "--sbom=true", "--provenance=true")
    bb.build(tmp_path / "c", text, *platforms, "--push", "-t", name)
    docker("pull", name)
    assert docker("image", "inspect", "--format", "{{.Architecture}}", name) == "amd64"
    docker("tag", name, theirs)
    docker("push", theirs)
    entries = json.loads(bb("manifest", "inspect", name))["manifests"]
    assert [e["platform"]["architecture"] for e in entries] == ["amd64", "arm64", "unknown", "unknown"]
    assert bb("manifest", "inspect", "--raw", theirs) == bb(
        "manifest", "inspect", "--raw", f"{name.rpartition(':')[0]}@{entries[0]['digest']}"
    )
    docker("rmi", name, theirs)
