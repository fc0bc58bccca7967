"""The Dockerfile that `wherry slim --suggest` writes: building it gives the slim image."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.buildkit import own_folder, running_buildkit
from support.image import diff_ids
from support.wherry import Wherry
from wherry.slim.suggest import Content, dockerfile

# What is hard to say in a Dockerfile, in each setting that an image has.
SETTINGS = r"""
ENV PLAIN=1 QUOTED="a \"b\" \$PLAIN \\n 'c'" EMPTY=""
LABEL plain=1 "with space"="a \$PLAIN \"b\" \\ 'c'" empty=""
EXPOSE 80 53/udp
VOLUME ["/data", "/with space", "/\\$PLAIN"]
WORKDIR "/work it's"
STOPSIGNAL SIGINT
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
HEALTHCHECK --interval=1m30s --timeout=1500ms --start-period=1h --start-interval=2s --retries=4 \
  CMD test "$PLAIN" = 1 || exit 1
ONBUILD RUN echo "$PLAIN" > /triggered
ONBUILD COPY . /
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo \"$PLAIN\" '\\' && cat /etc/debian_version"]
"""


def files(wherry: Wherry, image: str, folder: Path) -> dict[str, tuple[object, ...]]:
    """What an image shows, but for the times."""
    name = wherry("create", image, "x")
    archive = folder / f"{image}.tar"
    wherry("export", "-o", str(archive), name)
    wherry("rm", name)
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(archive) as tar:
        for each in tar:
            file = tar.extractfile(each) if each.isreg() else None
            data = file.read() if file is not None else b""
            found[each.name] = (each.type, oct(each.mode), each.uid, each.gid, each.linkname, data)
    return found


def config(wherry: Wherry, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wherry("inspect", image))[0]["Config"]
    return found


@pytest.mark.mounts
@pytest.mark.runtime
@pytest.mark.network
@pytest.mark.parametrize("options", [(), ("--keep-base",)])
def test_building_it_gives_that_image(debian: Wherry, tmp_path: Path, options: tuple[str, ...]) -> None:
    start = "FROM debian\nRUN rm /etc/motd && echo own > /etc/own && useradd -m plain\n"
    debian.build(tmp_path / "c", start + SETTINGS + "USER plain\n", "-t", "fat")
    suggested = tmp_path / "Suggested"
    debian("slim", "fat", "-t", "small", "--keep", "/etc/own", *options, "--suggest", str(suggested))
    debian("build", "-q", "-t", "built", "-f", str(suggested), str(tmp_path / "c"), timeout=300)
    assert config(debian, "built") == config(debian, "small") == config(debian, "fat")
    small = files(debian, "small", tmp_path)
    assert "var/lib/dpkg/status.d/libc6" in small or options
    assert files(debian, "built", tmp_path) == small
    if options:
        assert diff_ids(debian, "built")[:1] == diff_ids(debian, "debian")


@pytest.mark.buildkit
@pytest.mark.root
@pytest.mark.network
@pytest.mark.parametrize("triggers", [False, True])
def test_buildkit_builds_it_alike(debian: Wherry, tmp_path: Path, *, triggers: bool) -> None:
    settings = SETTINGS if triggers else re.sub("ONBUILD.*\n", "", SETTINGS)
    debian.build(tmp_path / "c", f"FROM debian\n{settings}", "-t", "fat")
    suggested = tmp_path / "Suggested"
    debian("slim", "fat", "-t", "small", "--suggest", str(suggested))
    # Its front end would be fetched.
    suggested.write_text(suggested.read_text().removeprefix("# syntax=docker/dockerfile:1\n"))
    with running_buildkit(own_folder("slim")) as buildkit:
        buildkit.take(debian, "fat", tmp_path / "layout")
        done = buildkit.run(tmp_path / "c", suggested, archive=tmp_path / "built.tar")
    assert done.returncode == 0, done.stderr[-2000:]
    debian("load", "-i", str(tmp_path / "built.tar"))
    built = config(debian, "x")
    built.pop("ArgsEscaped", None)  # BuildKit's own, of Windows
    assert built == config(debian, "small")
    assert files(debian, "x", tmp_path) == files(debian, "small", tmp_path)


@pytest.mark.parametrize(
    ("health", "said"),
    [
        ({"Test": ["NONE"]}, "HEALTHCHECK NONE"),
        ({"Test": ["CMD", "a b", "$c"]}, 'HEALTHCHECK CMD ["a b", "$c"]'),
        ({"Test": ["CMD-SHELL", "a b"], "Retries": 2}, "HEALTHCHECK --retries=2 CMD a b"),
        ({"Test": ["CMD", "a"], "Interval": 1}, 'HEALTHCHECK --interval=1ns CMD ["a"]'),
    ],
)
def test_each_kind_of_health_check(health: dict[str, Any], said: str) -> None:
    assert said in dockerfile("x", {"Healthcheck": health}, Content(["a"])).splitlines()


@pytest.mark.parametrize(
    ("names", "config", "said"),
    [
        (["a\nb"], {}, "name the file 'a\\nb'"),
        (["a\\b"], {}, "name the file"),
        ([], {"Env": ["A=1\n2"]}, "say 'ENV A"),
        ([], {"Labels": {"a": "1\n2"}}, "say 'LABEL"),
        ([], {"Healthcheck": {"Test": ["CMD-SHELL", '["a"]']}}, "say HEALTHCHECK"),
        ([], {"Healthcheck": {"Test": ["CMD-SHELL", "a \\"]}}, "say HEALTHCHECK"),
        ([], {"Healthcheck": {"Test": ["CMD-SHELL", "a\nRUN x"]}}, "say 'HEALTHCHECK"),
        ([], {"OnBuild": ["RUN a\nRUN b"]}, "say 'ONBUILD"),
    ],
)
def test_what_no_dockerfile_can_say_is_an_error(
    names: list[str], config: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        dockerfile("x", config, Content(names))


def test_new_files_stand_in_one_instruction_for_each_folder() -> None:
    records = {"a/one": b"1\n$X\n", "a/two": b"2\n", "b/one": b"3\n"}
    text = dockerfile("x", {}, Content(["a"], records=records))
    assert "COPY <<'one' <<'two' /slim/a/\n1\n$X\none\n2\ntwo\nCOPY <<'one' /slim/b/\n3\none\n" in text
    with pytest.raises(ValueError, match="hold the file a/one"):
        dockerfile("x", {}, Content(["a"], records={"a/one": b"x\none\ny\n"}))
