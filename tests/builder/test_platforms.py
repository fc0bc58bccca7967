"""Platforms: what a Dockerfile is told of them, images of several, RUN of another processor's programs."""

from __future__ import annotations

import json
import os
import platform as machine
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.wherry import Wherry
from wherry.oci.platform import of_machine, parse

HERE = str(of_machine(machine.machine()))
OTHER = "linux/s390x"


def inspect(wherry: Wherry, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wherry("inspect", image))[0]
    return found


def test_arguments_tell_of_the_platforms_where_they_are_asked_for(bb: Wherry, tmp_path: Path) -> None:
    names = [
        f"{side}{what}" for side in ("BUILD", "TARGET") for what in ("PLATFORM", "OS", "ARCH", "VARIANT")
    ]
    dockerfile = (
        "FROM --platform=$BUILDPLATFORM bb AS s\nRUN env > /unasked\n"
        + "".join(f"ARG {name}\n" for name in names)
        + "ARG TARGETSTAGE\nRUN env > /asked\nFROM scratch\nCOPY --from=s /asked /unasked /\n"
    )
    bb.build(tmp_path / "c", dockerfile, "--platform", "linux/arm/v7", "-o", str(tmp_path / "out"))
    asked = dict(line.split("=", 1) for line in (tmp_path / "out/asked").read_text().splitlines())
    os_, _, arch = HERE.partition("/")
    assert [asked[name] for name in names] == [HERE, os_, arch, "", "linux/arm/v7", "linux", "arm", "v7"]
    assert asked["TARGETSTAGE"] == "default"
    assert "PLATFORM" not in (tmp_path / "out/unasked").read_text()


def test_an_image_says_what_it_is_for(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM scratch\nCOPY Dockerfile /\n", "--platform", "linux/arm64/v8")
    assert (inspect(bb, image)["Os"], inspect(bb, image)["Architecture"]) == ("linux", "arm64")


def multi(bb: Wherry, tmp_path: Path, *args: str) -> str:
    dockerfile = "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /$TARGETARCH\n"
    return bb.build(tmp_path / "c", dockerfile, "--platform", f"{OTHER},{HERE}", *args)


def test_several_platforms_are_an_index(bb: Wherry, tmp_path: Path) -> None:
    digest = multi(bb, tmp_path, "-t", "multi", "--annotation", "index:org.example=yes")
    index = json.loads((bb.root / "blobs/sha256" / digest.removeprefix("sha256:")).read_text())
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["s390x", HERE.split("/")[1]]
    assert index["annotations"] == {"org.example": "yes"}
    assert inspect(bb, "multi")["Config"]["Labels"] == {"arch": HERE.split("/")[1]}, "this machine's"
    assert bb("images", "--format", "{{.Repository}}").split() == ["multi", "bb"], (
        "the others are not listed"
    )
    bb("tag", "multi", "again")
    child = "FROM --platform={} again\n"
    for platform in (OTHER, HERE):
        image = bb.build(tmp_path / "child", child.format(platform))
        assert inspect(bb, image)["Config"]["Labels"] == {"arch": platform.split("/")[1]}
    layout = json.loads((bb.root / "index.json").read_text())
    assert {m["digest"] for m in layout["manifests"] if "image.index" in m["mediaType"]} == {digest}


def test_an_index_goes_with_its_last_name(bb: Wherry, tmp_path: Path) -> None:
    multi(bb, tmp_path, "-t", "multi", "-t", "second")
    before = len(list((bb.root / "blobs/sha256").iterdir()))
    assert bb("rmi", "multi") == "Untagged: multi:latest"
    assert bb("rmi", "second").count("Deleted: ") == 2
    assert len(list((bb.root / "blobs/sha256").iterdir())) < before
    assert bb("images", "--format", "{{.Repository}}") == "bb"


def test_an_index_goes_into_an_archive_and_back(bb: Wherry, tmp_path: Path) -> None:
    multi(bb, tmp_path, "--output", f"type=oci,dest={tmp_path}/x.tar,name=example.org/multi:1")
    with tarfile.open(tmp_path / "x.tar") as tar:
        top = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
    assert [m["mediaType"] for m in top["manifests"]] == ["application/vnd.oci.image.index.v1+json"]
    skopeo = ["skopeo", "inspect", "--override-arch", "s390x", f"oci-archive:{tmp_path}/x.tar"]
    shown = json.loads(subprocess.run(skopeo, capture_output=True, check=True).stdout)
    assert shown["Labels"] == {"arch": "s390x"}
    other = Wherry(tmp_path / "other")
    other("load", "-i", str(tmp_path / "x.tar"))
    assert inspect(other, "example.org/multi:1")["Config"]["Labels"] == {"arch": HERE.split("/")[1]}
    (tmp_path / "child").mkdir()
    assert (
        inspect(other, other.build(tmp_path / "child", f"FROM --platform={OTHER} example.org/multi:1\n"))[
            "Architecture"
        ]
        == "s390x"
    )


def test_each_platform_has_a_folder_of_its_own(bb: Wherry, tmp_path: Path) -> None:
    multi(bb, tmp_path, "-o", str(tmp_path / "out"))
    assert sorted(
        str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()
    ) == sorted([f"{HERE.replace('/', '_')}/{HERE.split('/')[1]}", "linux_s390x/s390x"])
    (tmp_path / "c/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    said = bb.fails(
        "build",
        "--progress=plain",
        "--platform",
        f"{OTHER},{HERE}",
        "-o",
        f"type=docker,dest={tmp_path}/d",
        str(tmp_path / "c"),
    )
    assert "does not currently support exporting manifest lists" in said and "COPY" not in said


def test_a_base_for_another_platform_is_said(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "o", "FROM scratch\nCOPY Dockerfile /\n", "--platform", OTHER, "-t", "other")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM other\n")
    done = bb.run("build", "--progress=plain", "-t", "x", str(tmp_path / "c"))
    said = f'Base image other was pulled with platform "{OTHER}", expected "{HERE}" for current build'
    assert f"InvalidBaseImagePlatform: {said} (line 1)" in done.stderr
    assert inspect(bb, "x")["Architecture"] == "s390x", "an image is for what its base is for"
    bb("build", "--platform", HERE, "-t", "x", str(tmp_path / "c"))
    assert inspect(bb, "x")["Architecture"] == HERE.split("/")[1], (
        "unless somebody says another, as BuildKit"
    )


@pytest.mark.parametrize("word", ["linux", "linux/", "a/b/c/d", ""])
def test_what_is_no_platform(bb: Wherry, tmp_path: Path, word: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    assert "is not a platform" in bb.fails(
        "build", f"--platform={word},linux/amd64", str(tmp_path), code=125
    )
    (tmp_path / "Dockerfile").write_text(f"FROM --platform={word}x/ scratch\nCOPY Dockerfile /\n")
    assert "Dockerfile:1" in bb.fails("build", str(tmp_path), code=1)


# -- RUN of another processor's programs ------------------------------------------------------------


def emulated(architecture: str) -> bool:
    from wherry.sandbox.emulate import why_not

    return not why_not(architecture)


def test_a_foreign_run_without_an_emulator_is_refused_with_the_way_out(bb: Wherry, tmp_path: Path) -> None:
    architecture = "riscv64" if not emulated("riscv64") else "loong64"
    if emulated(architecture):
        pytest.skip("every emulator is registered here")
    bb.build(
        tmp_path / "o",
        "FROM scratch\nCOPY Dockerfile /\n",
        "--platform",
        f"linux/{architecture}",
        "-t",
        "o",
    )
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM o\nENV A=1\nRUN true\n")
    said = bb.fails("build", "--platform", f"linux/{architecture}", str(tmp_path / "c"), code=1)
    assert f"Dockerfile:3: RUN for linux/{architecture} cannot run on {HERE}" in said
    assert "qemu-user-static" in said and "$BUILDPLATFORM" in said


@pytest.mark.root
def test_a_foreign_run_goes_through_the_emulator(bb: Wherry, tmp_path: Path) -> None:
    """qemu, registered in the kernel by Debian's package; or by this test, for as long as it runs."""
    from support.machine import require

    require(machine.machine() == "x86_64", "needs an amd64 machine")
    qemu = shutil.which("qemu-aarch64-static")
    require(qemu is not None, "needs qemu-user-static")
    program = tmp_path / "hello.s"
    program.write_text(
        ".globl _start\n_start: mov x0, 1\nadr x1, text\nmov x2, 6\nmov x8, 64\nsvc 0\n"
        'mov x0, 0\nmov x8, 93\nsvc 0\ntext: .ascii "arm64\\n"\n'
    )
    require(shutil.which("aarch64-linux-gnu-as") is not None, "needs binutils-aarch64-linux-gnu")
    subprocess.run(["aarch64-linux-gnu-as", "-o", tmp_path / "o", program], check=True)
    (tmp_path / "c").mkdir()
    subprocess.run(["aarch64-linux-gnu-ld", "-o", tmp_path / "c/hello", tmp_path / "o"], check=True)
    (tmp_path / "c/Dockerfile").write_text('FROM scratch\nCOPY hello /\nRUN ["/hello"]\n')
    registered = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
    mine = not registered.exists()
    if mine:
        register(qemu or "")
    try:
        done = bb.run("build", "--progress=plain", "--platform", "linux/arm64", str(tmp_path / "c"))
        assert done.returncode == 0, done.stderr
        assert " arm64\n" in done.stderr
    finally:
        if mine:
            registered.write_text("-1")


def register(qemu: str) -> None:
    from support.machine import require

    folder = Path("/proc/sys/fs/binfmt_misc")
    if not (folder / "register").exists():
        subprocess.run(
            ["mount", "-t", "binfmt_misc", "none", str(folder)], capture_output=True, check=False
        )
    require((folder / "register").exists(), "needs binfmt_misc in the kernel")
    magic = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    mask = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    (folder / "register").write_text(f":qemu-aarch64:M::{magic}:{mask}:{qemu}:F")


def test_emulators_as_the_kernel_shows_them(tmp_path: Path) -> None:
    from wherry.sandbox.emulate import why_not

    folder = str(tmp_path)
    assert "is registered" in why_not("arm64", folder) and "is known" in why_not("z80", folder)
    (tmp_path / "qemu-aarch64").write_text("enabled\ninterpreter /usr/bin/q\nflags: POCF\noffset 0\n")
    assert why_not("arm64", folder) == ""
    (tmp_path / "qemu-aarch64").write_text("enabled\ninterpreter /usr/bin/q\nflags: \noffset 0\n")
    assert "without the flag F" in why_not("arm64", folder)
    (tmp_path / "qemu-aarch64").write_text("disabled\ninterpreter /usr/bin/q\nflags: F\n")
    assert "is disabled" in why_not("arm64", folder)


def test_platforms_are_normalised() -> None:
    assert str(parse("arm64")) == str(parse("linux/aarch64/v8")) == "linux/arm64"
    assert os.sep not in parse("linux/arm/v7").variant
