"""wherry explain: every reason is produced on purpose, and read back in words and as JSON."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from support.wherry import Wherry

DOCKERFILE = (
    "FROM bb\nARG VERSION=1\nRUN echo $VERSION > /tmp/v\nCOPY . /src/\nRUN echo built > /tmp/built\n"
)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "c"
    (folder / "src").mkdir(parents=True)
    (folder / "src/app.py").write_text("one")
    (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    return folder


def steps(bb: Wherry, *args: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bb("explain", "--json", *args))["steps"]
    return [step for step in found if step["outcome"] != "base"]


def reasons(bb: Wherry, number: int, *args: str) -> list[str]:
    """The texts for one step."""
    return [reason["text"] for reason in steps(bb, *args)[number]["reasons"]]


def test_a_build_that_was_never_done_before_and_one_from_the_cache(bb: Wherry, context: Path) -> None:
    bb.build(context, DOCKERFILE, "-t", "x")
    assert [step["outcome"] for step in steps(bb)] == ["ran"] * 3
    assert reasons(bb, 1) == ["it was never built before"]
    bb.build(context, None, "-t", "x")
    assert [(step["outcome"], step["reasons"]) for step in steps(bb)] == [("hit", [])] * 3
    assert "3 of 3 steps from the cache" in bb("explain")


def test_files_of_the_context(bb: Wherry, context: Path) -> None:
    bb.build(context, DOCKERFILE)
    (context / "src/app.py").write_text("three")
    (context / "large").write_bytes(bytes(5000))
    (context / "small").write_text("")
    bb.build(context, None)
    assert [step["outcome"] for step in steps(bb)] == ["hit", "ran", "ran"]
    assert reasons(bb, 1) == [
        "src/app.py changed; 2 files added (large, small); ignoring them would have kept it"
    ]
    assert steps(bb)[1]["reasons"][0]["files"][0] == {"how": "added", "name": "large", "size": 5000}
    assert reasons(bb, 2) == ["the step before it gave other bytes (3/4 COPY . /src/)"]
    (context / "small").unlink()
    bb.build(context, None)
    assert reasons(bb, 1) == ["small removed; ignoring it would have kept it"]
    text = bb("explain")
    assert "RAN" in text and "small removed; ignoring it would have kept it" in text


def test_build_arguments_and_environment(bb: Wherry, context: Path) -> None:
    bb.build(context, DOCKERFILE)
    bb.build(context, None, "--build-arg", "VERSION=2")
    assert reasons(bb, 0) == ["build argument VERSION 1 -> 2"]
    bb.build(context, DOCKERFILE.replace("ARG", "ENV A=1 B=2\nARG"))
    assert reasons(bb, 0) == ["environment variable A is new: 1", "environment variable B is new: 2",
                              "build argument VERSION 2 -> 1"]  # fmt: skip


def test_an_instruction_that_changed(bb: Wherry, context: Path) -> None:
    bb.build(context, DOCKERFILE)
    bb.build(context, DOCKERFILE.replace("echo built", "echo rebuilt"))
    assert reasons(bb, 2) == [
        "the instruction changed: RUN echo built > /tmp/built -> RUN echo rebuilt > /tmp/built"
    ]
    bb.build(context, DOCKERFILE.replace("COPY .", "COPY --chown=app --chmod=755 ."))
    assert "--chown changed: none -> 1000:1000" in reasons(bb, 1)
    assert "--chmod changed: none -> 0755" in reasons(bb, 1)
    bb.build(context, DOCKERFILE.replace("RUN echo $", "USER app\nWORKDIR /tmp\nRUN echo $"))
    said = [text for step in steps(bb) for text in [r["text"] for r in step["reasons"]]]
    assert "the user changed: none -> app" in said and "the working directory changed: / -> /tmp" in said


def test_a_base_that_moved_and_one_that_changed(bb: Wherry, context: Path) -> None:
    bb.build(context.parent / "b", "FROM bb\nRUN echo 1 > /base\n", "-t", "base")
    child = "FROM base\nRUN echo child > /child\n"
    bb.build(context, child)
    bb.build(context.parent / "b", "FROM bb\nRUN echo 2 > /base\n", "-t", "base")
    bb.build(context, None)
    (text,) = reasons(bb, 0)
    assert text.startswith("base moved: base is another image (sha256:") and " -> sha256:" in text
    bb.build(context, child.replace("base", "bb"))
    assert reasons(bb, 0) == ["the base changed: base -> bb"]


def test_a_base_that_moved_below_stages_that_begin_with_stages(bb: Wherry, context: Path) -> None:
    bb.build(context.parent / "b", "FROM bb\nRUN echo 1 > /base\n", "-t", "base1")
    child = "FROM base1 AS base\nFROM base AS middle\nLABEL a=b\nFROM middle\nRUN echo child > /child\n"
    bb.build(context, child)
    bb.build(context.parent / "b", "FROM bb\nRUN echo 2 > /base\n", "-t", "base1")
    bb.build(context, None)
    (text,) = reasons(bb, 0)
    assert text.startswith("base moved: base1 is another image (sha256:")
    bb.build(context, child.replace("LABEL a=b", "RUN echo new > /new"))
    assert reasons(bb, 1) == ["the step before it gave other bytes (middle 2/2 RUN echo new > /new)"]


def test_a_first_build_is_not_compared_with_that_of_another_image(bb: Wherry, context: Path) -> None:
    bb.build(context, DOCKERFILE, "-t", "one")
    other = context.parent / "other"
    other.mkdir()
    (other / "unlike").write_text("x")
    bb.build(other, DOCKERFILE.replace("ARG", "ENV A=1\nARG"), "-t", "two")
    assert [reasons(bb, number) for number in range(3)] == [["it was never built before"]] * 3


def test_builds_of_one_name_are_of_the_same_thing_wherever_their_folder_is(
    bb: Wherry, context: Path
) -> None:
    bb.build(context, DOCKERFILE, "-t", "one")
    moved = context.rename(context.parent / "checkout2")
    (moved / "src/app.py").write_text("two")
    bb.build(moved, None, "-t", "one")
    assert reasons(bb, 1) == ["src/app.py changed; ignoring it would have kept it"]


def test_what_no_dockerignore_could_have_left_out(bb: Wherry, context: Path) -> None:
    bb.build(context, "FROM bb\nCOPY <<EOF /f\none\nEOF\n")
    bb.build(context, "FROM bb\nCOPY <<EOF /f\ntwo\nEOF\n")
    assert not any("ignoring" in text for text in reasons(bb, 0)), reasons(bb, 0)


def test_a_stage_that_is_copied_from_and_a_mount(bb: Wherry, context: Path) -> None:
    dockerfile = (
        "FROM bb AS s\nCOPY src/app.py /made\nFROM bb\nCOPY --from=s /made /made\n"
        "RUN --mount=source=src,target=/m cat /m/app.py > /seen\n"
    )
    bb.build(context, dockerfile)
    (context / "src/app.py").write_text("two")
    bb.build(context, None)
    assert reasons(bb, 0) == ["src/app.py changed; ignoring it would have kept it"]
    assert reasons(bb, 1) == ["made changed"], ".dockerignore has no say in a COPY --from"
    assert "app.py changed of the mount at /m" in " ".join(reasons(bb, 2)).replace("src/", "")


def test_a_cache_that_was_not_asked(bb: Wherry, context: Path) -> None:
    dockerfile = DOCKERFILE.replace("FROM bb", "FROM bb AS one")
    bb.build(context, dockerfile)
    bb.build(context, None, "--no-cache")
    assert reasons(bb, 0) == ["the cache was not asked: --no-cache"]
    bb.build(context, None, "--no-cache-filter", "one")
    assert reasons(bb, 0) == ["the cache was not asked: --no-cache-filter"]
    done = bb.run("build", "--no-cache-filter", "on", str(context))
    assert "no stage of Dockerfile is named on (did you mean one?)" in done.stderr


def test_a_layer_that_was_removed(bb: Wherry, context: Path) -> None:
    bb.build(context, DOCKERFILE, "-t", "x")
    bb("rmi", "x")
    bb("prune", "-f")
    bb.build(context, None)
    assert reasons(bb, 0) == [
        "it was built before, and what it gave has been removed since (prune, or --no-cache)"
    ]


def test_builds_that_fail_or_are_stopped_are_explained_as_far_as_they_came(
    bb: Wherry, context: Path
) -> None:
    (context / "Dockerfile").write_text("FROM bb\nRUN true\nRUN exit 3\nRUN echo never\n")
    bb.fails("build", str(context))
    assert [step["outcome"] for step in steps(bb)] == ["ran", "failed"]
    (context / "Dockerfile").write_text("FROM bb\nRUN true\nRUN echo begun; sleep 300\n")
    build = bb.start("build", "--progress=plain", str(context))
    assert build.stderr is not None
    while "begun" not in (line := build.stderr.readline()) or "RUN" in line:
        assert line
    build.send_signal(signal.SIGINT)
    build.communicate(timeout=30)
    assert [step["outcome"] for step in steps(bb)] == ["hit", "stopped"]


def test_a_build_is_found_by_its_id_its_name_and_its_image(bb: Wherry, context: Path) -> None:
    image = bb.build(context, DOCKERFILE, "-t", "first")
    bb.build(context, None, "--build-arg", "VERSION=2", "-t", "second")
    listed = json.loads(bb("explain", "--list", "--json"))
    assert [build["names"] for build in listed] == [["second"], ["first"]]
    for word in (listed[1]["id"], listed[1]["id"][:4], "first", image):
        assert json.loads(bb("explain", "--json", word))["id"] == listed[1]["id"]
    assert bb("explain", "--list").splitlines()[0].split() == [
        "BUILD",
        "BEGAN",
        "NAME",
        "OUTCOME",
        "CACHED",
        "TOOK",
    ]
    assert "No such build: nothing" in bb.fails("explain", "nothing", code=1)


def test_where_nothing_was_built(wherry: Wherry) -> None:
    assert "no build is remembered" in wherry.fails("explain", code=1)


def test_no_secret_is_remembered(bb: Wherry, context: Path) -> None:
    (context.parent / "secret").write_text("s3cr3t-value")
    dockerfile = "FROM bb\nRUN --mount=type=secret,id=s,env=T test -n $T\n"
    bb.build(context, dockerfile, "--secret", f"id=s,src={context.parent}/secret")
    assert "s3cr3t-value" not in bb("explain", "--json")


def test_the_context_is_listed_by_size_with_what_is_left_out(bb: Wherry, context: Path) -> None:
    (context / "big").write_bytes(bytes(3000))
    (context / "node_modules/deep").mkdir(parents=True)
    (context / "node_modules/deep/x").write_bytes(bytes(9000))
    (context / ".dockerignore").write_text("# comment\nnode_modules\n*.log\n!keep.log\n")
    (context / "a.log").write_text("x")
    (context / "keep.log").write_text("y")
    found = json.loads(bb("context", "--json", str(context)))
    assert next(iter(found["files"]))["name"] == "big"
    assert {file["name"] for file in found["files"]} == {"big", ".dockerignore", "src/app.py", "keep.log"}
    assert [(one["name"], one["size"], one["line"], one["pattern"]) for one in found["ignored"]] == [
        ("node_modules", 9000, 2, "node_modules"), ("a.log", 1, 3, "*.log"),
    ]  # fmt: skip
    shown = bb("context", str(context))
    assert (
        "node_modules/ (1 file)" not in shown
        and "node_modules" in shown
        and "line 2: node_modules" in shown
    )
    assert "not found" in bb.fails("context", str(context / "nowhere"), code=1)
