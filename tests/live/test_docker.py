"""Archives between wherry and a real dockerd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.dockerd import Dockerd
from support.registry import running_registry
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.dockerd]

DOCKERFILE = """\
FROM bb
RUN echo one > /f && chown 70000:80000 /f && chmod 4755 /f && ln /f /hard && ln -s f /soft
RUN rm /hard && mkdir -p /d/e && echo x > /d/e/f
RUN rm -r /d && mkdir /d
ENV A=1
CMD ["cat", "/f"]
"""


def test_an_image_goes_to_docker_and_back_with_the_same_id(
    bb: Wherry, dockerd: Dockerd, tmp_path: Path
) -> None:
    image = bb.build(tmp_path / "c", DOCKERFILE, "-t", "there:1")
    bb("save", "-o", str(tmp_path / "there.tar"), "there:1")
    assert "there:1" in dockerd.load(tmp_path / "there.tar")
    assert dockerd("inspect", "--format", "{{.Id}}", "there:1") == image
    shown = json.loads(dockerd("inspect", "there:1"))[0]
    ours = json.loads(bb("inspect", "there:1"))[0]
    for member in ("Config", "Architecture", "Os", "RootFS"):
        theirs = shown[member]
        if member == "Config":
            theirs = {k: v for k, v in theirs.items() if v}
            assert {k: v for k, v in ours[member].items() if v} == theirs
        else:
            assert ours[member] == theirs
    dockerd("save", "-o", str(tmp_path / "back.tar"), "there:1")
    other = Wherry(tmp_path / "other")
    other("load", "-i", str(tmp_path / "back.tar"))
    assert other("images", "-q", "--no-trunc") == image
    assert other("run", "--rm", "there:1") == "one"


def test_docker_runs_what_wherry_built(bb: Wherry, dockerd: Dockerd, tmp_path: Path) -> None:
    bb.build(tmp_path / "c", DOCKERFILE, "-t", "runs")
    bb("save", "-o", str(tmp_path / "x.tar"), "runs")
    dockerd.load(tmp_path / "x.tar")
    script = "cat /f; stat -c '%u:%g %a' /f; ls -a /d | wc -l; test ! -e /hard"
    assert (
        dockerd("run", "--rm", "--network", "none", "runs", "sh", "-c", script)
        == "one\n70000:80000 4755\n2"
    )
    assert bb("run", "--rm", "runs", "sh", "-c", script) == "one\n70000:80000 4755\n2"


def test_history_is_what_docker_shows_of_the_same_image(
    bb: Wherry, dockerd: Dockerd, tmp_path: Path
) -> None:
    bb.build(tmp_path / "c", DOCKERFILE, "-t", "hist")
    bb("save", "-o", str(tmp_path / "x.tar"), "hist")
    dockerd.load(tmp_path / "x.tar")
    words = ("history", "--no-trunc", "--format", "{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}", "hist")
    assert bb(*words) == dockerd(*words)


def test_images_are_listed_as_docker_lists_them(bb: Wherry, dockerd: Dockerd, tmp_path: Path) -> None:
    bb.build(tmp_path / "c", DOCKERFILE, "-t", "listed:a", "-t", "listed:b")
    bb("save", "-o", str(tmp_path / "x.tar"), "listed:a", "listed:b")
    dockerd.load(tmp_path / "x.tar")
    words = ("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}", "listed")
    assert sorted(bb(*words).splitlines()) == sorted(dockerd(*words).splitlines())


@pytest.mark.registry
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_images_go_between_us_by_a_registry_with_one_digest(
    bb: Wherry, dockerd: Dockerd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    """What we push docker pulls and runs; what docker pushes we pull, and push again as it was.

    Docker 20.10 knows no zstd, and says so.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    bb.build(tmp_path / "c", DOCKERFILE, "-t", "app")
    with running_registry(tmp_path / "registry") as registry:
        ours, theirs, again = (f"{registry.host}/{name}:1" for name in ("ours", "theirs", "again"))
        bb("tag", "app", ours)
        digest = bb("push", "--compression", compression, ours).split()[-3]
        if compression == "zstd":
            assert dockerd.run("pull", ours).returncode != 0
            return
        assert f"Digest: {digest}" in dockerd("pull", ours)
        assert dockerd("run", "--rm", "--network", "none", ours) == "one"
        dockerd("tag", ours, theirs)
        pushed = dockerd("push", theirs).split()[-3]
        other = Wherry(tmp_path / "other")
        assert f"Digest: {pushed}" in other("pull", theirs)
        assert other("run", "--rm", theirs) == "one"
        other("tag", theirs, again)
        assert other("push", again).split()[-3] == pushed
        dockerd("rmi", ours, theirs)
