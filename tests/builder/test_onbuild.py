"""ONBUILD: recorded in one image, carried out in those that start from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.wherry import Wherry


def config(wherry: Wherry, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wherry("inspect", image))[0]["Config"]
    return found


PARENT = (
    "FROM bb\nONBUILD ARG WHO=default\nONBUILD COPY file /in/\nONBUILD RUN echo $WHO >> /in/file\n"
    "ONBUILD ENV FROM_PARENT=1\nRUN test ! -e /in\n"
)


def test_triggers_are_recorded_and_not_carried_out(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "p", PARENT, "-t", "parent")
    assert config(bb, "parent")["OnBuild"] == [
        "ARG WHO=default", "COPY file /in/", "RUN echo $WHO >> /in/file", "ENV FROM_PARENT=1",
    ]  # fmt: skip
    assert "ONBUILD" not in bb("history", "--no-trunc", "parent")


def test_who_starts_from_it_carries_them_out_first_and_keeps_none(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "p", PARENT, "-t", "parent")
    context = tmp_path / "c"
    context.mkdir()
    (context / "file").write_text("copied\n")
    (context / "Dockerfile").write_text("FROM parent\nRUN cat /in/file > /seen && test $FROM_PARENT = 1\n")
    done = bb.run("build", "--progress=plain", "--build-arg", "WHO=me", "-t", "child", str(context))
    assert done.returncode == 0, done.stderr
    assert "[2/6] ONBUILD COPY" not in done.stderr and "] ONBUILD COPY file /in/" in done.stderr
    assert bb("run", "--rm", "child", "cat", "/seen") == "copied\nme"
    assert not config(bb, "child").get("OnBuild")
    assert (
        bb.run("build", "--progress=plain", "--build-arg", "WHO=me", str(context)).stderr.count("CACHED")
        == 3
    )


def test_a_stage_that_starts_from_a_stage_with_triggers(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = "FROM bb AS a\nONBUILD RUN echo ran > /ran\nFROM a\nRUN cat /ran\n"
    assert bb("run", "--rm", bb.build(tmp_path / "c", dockerfile), "cat", "/ran") == "ran"


def test_a_trigger_may_need_a_stage_of_the_child(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "p", "FROM bb\nONBUILD COPY --from=assets /a /a\n", "-t", "parent")
    dockerfile = "FROM bb AS assets\nRUN echo asset > /a\nFROM bb AS unused\nRUN exit 1\nFROM parent\n"
    assert bb("run", "--rm", bb.build(tmp_path / "c", dockerfile), "cat", "/a") == "asset"


@pytest.mark.parametrize("trigger", ["ONBUILD RUN true", "FROM bb", "MAINTAINER me"])
def test_what_is_no_trigger(bb: Wherry, tmp_path: Path, trigger: str) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM bb\nONBUILD {trigger}\n")
    assert "Dockerfile:2" in bb.fails("build", str(tmp_path), code=1)


def test_a_failing_trigger_points_at_from(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "p", "FROM bb\nONBUILD RUN exit 3\n", "-t", "parent")
    (tmp_path / "Dockerfile").write_text("# one\nFROM parent\n")
    said = bb.fails("build", str(tmp_path), code=1)
    assert "Dockerfile:2" in said and "exit code: 3" in said
