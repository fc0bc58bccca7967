"""--build-context: what a name means instead of a stage or an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.wherry import Wherry


def folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def shown(bb: Wherry, image: str, script: str) -> str:
    return bb("run", "--rm", image, "sh", "-c", script)


def test_a_folder_is_copied_from_mounted_and_started_from(bb: Wherry, tmp_path: Path) -> None:
    more = folder(tmp_path / "more", file="one", hidden="x")
    (more / ".dockerignore").write_text("hidden\n")
    dockerfile = (
        "FROM more AS files\nFROM bb\nCOPY --from=more . /copied/\nCOPY --from=files /file /started\n"
        "RUN --mount=from=more,target=/m ls /m > /mounted\n"
    )
    args = ("--build-context", f"more={more}")
    image = bb.build(tmp_path / "c", dockerfile, *args)
    assert shown(bb, image, "ls /copied; cat /started; cat /mounted").split() == ["file", "onefile"]
    assert bb.build(tmp_path / "c", None, *args) == image
    (more / "file").write_text("two")
    assert shown(bb, bb.build(tmp_path / "c", None, *args), "cat /copied/file /started") == "twotwo"


def test_an_image_takes_the_place_of_a_name(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "i", "FROM bb\nRUN echo here > /which\n", "-t", "mine:1")
    dockerfile = "FROM debian:bookworm AS base\nFROM stage\nCOPY --from=debian:bookworm /which /copied\n"
    image = bb.build(
        tmp_path / "c", dockerfile.replace("stage", "base"),
        "--build-context", "debian:bookworm=docker-image://mine:1",
    )  # fmt: skip
    assert shown(bb, image, "cat /which /copied") == "here\nhere"


def test_a_name_wins_over_a_stage_of_that_name(bb: Wherry, tmp_path: Path) -> None:
    more = folder(tmp_path / "more", file="from outside")
    dockerfile = "FROM bb AS more\nRUN exit 1\nFROM bb\nCOPY --from=More /file /file\n"
    image = bb.build(tmp_path / "c", dockerfile, "--build-context", f"more={more}")
    assert shown(bb, image, "cat /file") == "from outside"


def test_an_image_of_a_layout(bb: Wherry, tmp_path: Path) -> None:
    dest = tmp_path / "layout"
    bb.build(
        tmp_path / "i", "FROM bb\nRUN echo laid > /out\n", "-o", f"type=oci,tar=false,dest={dest},name=x:1"
    )
    for text in (f"oci-layout://{dest}", f"oci-layout://{dest}:1"):
        image = bb.build(tmp_path / "c", "FROM base\nRUN cat /out\n", "--build-context", f"base={text}")
        assert shown(bb, image, "cat /out") == "laid"
    (tmp_path / "c/Dockerfile").write_text("FROM base\n")
    for text, says in (
        (f"oci-layout://{dest}:2", "0 images named 2"),
        (f"oci-layout://{tmp_path}", "no OCI layout"),
    ):
        assert says in bb.fails("build", "--build-context", f"base={text}", str(tmp_path / "c"), code=1)


@pytest.mark.parametrize(
    "text, says, code",
    [
        ("x", "expected key=value", 125),
        ("x=", "expected key=value", 125),
        ("x=/nowhere", "not found", 1),
        ("x=docker-image://nobody", "nor an image that is here, and cannot be pulled", 1),
    ],
)
def test_what_is_no_context(bb: Wherry, tmp_path: Path, text: str, says: str, code: int) -> None:
    context = folder(tmp_path / "c", Dockerfile="FROM bb\nCOPY --from=x . /\n")
    said = bb.fails("build", "--build-context", text, str(context), code=code)
    assert says in said


def test_a_link_that_is_named_stands_for_the_folder(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/f").write_text("there")
    (tmp_path / "real/Dockerfile").write_text("FROM scratch\nCOPY . /c/\nCOPY --from=more . /m/\n")
    (tmp_path / "lnk").symlink_to("real")
    words = ("--build-context", f"more={tmp_path / 'lnk'}", "-o", str(tmp_path / "out"))
    wherry("build", "-q", *words, str(tmp_path / "lnk"))
    assert (tmp_path / "out/c/f").read_text() == (tmp_path / "out/m/f").read_text() == "there"
