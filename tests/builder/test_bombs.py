# ruff: noqa: E501
"""Small Dockerfiles, images and contexts that ask for much."""

from __future__ import annotations

import io
import json
import resource
import tarfile
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.dockerfile import parse
from wherry.dockerfile.lines import LARGEST, MOST_INSTRUCTIONS
from wherry.errors import DockerfileError

MANY = 30_000
BOUNDED = 3 << 30
"""Bytes of address space for a build."""


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BOUNDED, BOUNDED))


@pytest.mark.parametrize(
    "text",
    [
        "FROM scratch\n" + "".join(f"ENV A{n}=v\n" for n in range(MANY)),
        "FROM scratch\nENV " + " ".join(f"A{n}=v" for n in range(MANY)) + "\n",
        "FROM scratch\n" + "".join(f"LABEL A{n}=v\n" for n in range(MANY)),
        "FROM scratch\n" + "".join(f"ARG A{n}=$A{n - 1}\n" for n in range(MANY)),
        "".join(f"ARG A{n}=$A{n - 1}\n" for n in range(MANY)) + "FROM scratch\n",
        "FROM scratch\n" + "".join(f"EXPOSE {n}\n" for n in range(1, MANY)),
        "FROM scratch AS s0\n" + "".join(f"FROM s{n} AS s{n + 1}\n" for n in range(MANY // 3)),
        "".join(f"FROM scratch AS s{n}\nLABEL a=b\n" for n in range(MANY)),
        "FROM scratch\nCOPY " + " ".join(f"<<A{n}" for n in range(2000)) + " /\n"
        + "".join(f"A{n}\n" for n in range(2000)),
    ],
    ids=["ENV", "one ENV", "LABEL", "ARG", "ARG before FROM", "EXPOSE", "stages of each other", "stages", "documents"],
)  # fmt: skip
def test_many_of_a_kind_take_linear_time(wherry: Wherry, tmp_path: Path, text: str) -> None:
    """Quadratic is minutes, and more than the patience of `Wherry`."""
    wherry.build(tmp_path, text, preexec_fn=bounded)


def test_the_order_and_the_values_of_variables_are_docker_s(wherry: Wherry, tmp_path: Path) -> None:
    text = "FROM scratch\nENV PATH=/p B=1\nENV C=$B B=2\nENV B=3 D=$B$C PATH=$PATH:/q\n"
    image = wherry.build(tmp_path, text)
    config = json.loads(wherry("inspect", "--format", "{{json .Config.Env}}", image))
    assert config == ["PATH=/p:/q", "B=3", "C=1", "D=21"]


DOUBLING = "".join(f"ARG A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 40))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("ARG A0=" + "x" * 1000 + "\n" + DOUBLING + "FROM scratch\n", 15, "the values of all ARGs so far"),
        ("FROM scratch\nARG A0=" + "x" * 1000 + "\n" + DOUBLING, 16, "the history of the image has more"),
        ("FROM scratch\nENV A=" + "x" * 1_000_000 + "\n" + "LABEL x=$A\n" * 30, 18, "the history of the image has more"),
        ("ARG A=" + "x" * 1_000_000 + "\n" + "".join(f"ARG B{n}=$A\n" for n in range(30)) + "FROM scratch\n", 17,
         "the values of all ARGs so far"),
        ("FROM scratch AS s0\nENV A=" + "x" * 8_000_000 + "\n" + "".join(f"FROM s{n} AS s{n + 1}\nENV B=1\n" for n in range(90)),
         None, "the configurations of all stages"),
    ],
    ids=["ARG before FROM", "ARG", "history", "ARGs in sum", "stages in sum"],
)  # fmt: skip
def test_what_grows_is_stopped_and_the_line_is_named(
    wherry: Wherry, tmp_path: Path, text: str, line: int | None, said: str
) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    error = wherry.fails("build", "--progress", "quiet", str(tmp_path), code=1, preexec_fn=bounded)
    assert said in error
    assert len(error) < 10_000, "a line of megabytes is cut"
    assert f"Dockerfile:{line}:" in error if line else "Dockerfile:" in error


def test_a_dockerfile_is_bounded(wherry: Wherry, tmp_path: Path) -> None:
    with pytest.raises(DockerfileError, match="more than 16777216 bytes"):
        parse(b"FROM scratch\n#" + b"x" * LARGEST)
    with pytest.raises(DockerfileError, match=f"more than {MOST_INSTRUCTIONS} instructions"):
        parse(b"FROM a\n" + b"RUN a\n" * MOST_INSTRUCTIONS)
    (tmp_path / "Dockerfile").symlink_to("/dev/zero")
    said = wherry.fails("build", str(tmp_path), code=1, preexec_fn=bounded)
    assert "more than 16777216 bytes" in said


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
def test_a_pipe_in_a_context_from_elsewhere_is_not_waited_for(wherry: Wherry, name: str) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for each in ("Dockerfile", ".dockerignore"):
            member = tarfile.TarInfo(each)
            if each == name:
                member.type = tarfile.FIFOTYPE
                tar.addfile(member)
            else:
                member.size = len(b"FROM scratch\nCOPY . /\n")
                tar.addfile(member, io.BytesIO(b"FROM scratch\nCOPY . /\n"))
    import subprocess

    done = subprocess.run(
        [*wherry.prefix, "build", "-"], input=data.getvalue(), capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert f"{name} " in done.stderr.decode() and "not a regular file" in done.stderr.decode()


def archive(wherry: Wherry, path: Path, files: dict[str, bytes]) -> str:
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return wherry.fails("load", "-i", str(path), code=1, preexec_fn=bounded)


CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
DESCRIPTOR = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": "sha256:" + "0" * 64,
    "size": 1,
}


def test_archives_that_name_too_much(wherry: Wherry, tmp_path: Path) -> None:
    names = [f"n:{n}" for n in range(10_001)]
    manifest = json.dumps([{"Config": "c", "RepoTags": names, "Layers": []}]).encode()
    said = archive(wherry, tmp_path / "a.tar", {"manifest.json": manifest, "c": CONFIG})
    assert "manifest.json names 10002 images; at most 10000 are read" in said
    index = json.dumps({"manifests": [DESCRIPTOR] * 10_001}).encode()
    assert "index.json names 10001 images" in archive(wherry, tmp_path / "b.tar", {"index.json": index})
    large = {"manifest.json": b"[" + b" " * (1 << 24) + b"]"}
    assert "manifest.json has 16777218 bytes; at most 16777216 are read" in archive(
        wherry, tmp_path / "c.tar", large
    )
    deep = {"manifest.json": b"[" * 1_000_000}
    assert "manifest.json is not JSON" in archive(wherry, tmp_path / "d.tar", deep)
    deep = {"manifest.json": b'[{"Config":"c"}]', "c": b'{"config":' * 1_000_000}
    assert "is not JSON" in archive(wherry, tmp_path / "e.tar", deep)


@pytest.mark.parametrize("member", ["Env", "Cmd", "WorkingDir", "Volumes", "User"])
def test_a_nul_byte_in_a_configuration_is_refused(wherry: Wherry, tmp_path: Path, member: str) -> None:
    value = {"Volumes": {"/a\0b": {}}, "Env": ["A=\0"], "Cmd": ["\0"]}.get(member, "/\0")
    config = json.dumps({**json.loads(CONFIG), "config": {member: value}}).encode()
    files = {"manifest.json": b'[{"Config":"c"}]', "c": config}
    assert f"config.{member} has a NUL byte" in archive(wherry, tmp_path / "a.tar", files)


def test_bytes_that_are_no_utf8_give_an_image_that_can_be_read(wherry: Wherry, tmp_path: Path) -> None:
    """As in Go's JSON each becomes U+FFFD in the image."""
    (tmp_path / "Dockerfile").write_bytes(b"FROM scratch\nENV A=\xff\xfe\nLABEL b=\xe9\n")
    image = wherry("build", "-q", str(tmp_path))
    [shown] = json.loads(wherry("inspect", image))
    assert shown["Config"]["Env"][-1] == "A=\ufffd\ufffd"
    assert shown["Config"]["Labels"] == {"b": "\ufffd"}
