"""``wherry build --check`` and ``--call``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.wherry import Wherry

DOCKERFILE = """\
# VERSION which one
ARG VERSION=1
# base what all start from
FROM scratch AS base
ARG WHO
FROM base AS tool
ARG TOKEN_FILE=/x
RUN --mount=type=secret,id=key,required --mount=type=ssh true
# app the program
FROM base AS app
ARG VERSION
CMD run
"""


def context(tmp_path: Path, text: str) -> str:
    (tmp_path / "Dockerfile").write_text(text)
    return str(tmp_path)


def test_a_check_that_finds_something_is_a_failure(wherry: Wherry, tmp_path: Path) -> None:
    done = wherry.run("build", "--check", context(tmp_path, "FROM scratch\nCMD x\n"))
    assert done.returncode == 1 and "WARNING: JSONArgsRecommended" in done.stdout
    done = wherry.run("build", "--call=check,format=json", str(tmp_path))
    assert [w["ruleName"] for w in json.loads(done.stdout)["warnings"]] == ["JSONArgsRecommended"]
    assert wherry("images", "-q") == "", "nothing is built"


def test_a_check_that_finds_nothing(wherry: Wherry, tmp_path: Path) -> None:
    assert wherry("build", "--check", context(tmp_path, "FROM debian\nCOPY . /\n")) == (
        "Check complete, no warnings found."
    )


def test_a_file_that_is_ignored_is_found(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("hidden\n")
    done = wherry.run("build", "--check", context(tmp_path, "FROM scratch\nCOPY hidden /\n"))
    assert "CopyIgnoredFile" in done.stdout


def test_what_is_found_before_an_error_is_told(wherry: Wherry, tmp_path: Path) -> None:
    text = "FROM scratch AS Base\nMAINTAINER me\nCMD x\nBADCMD\n"
    done = wherry.run("build", "--check", context(tmp_path, text))
    assert done.returncode == 1 and "unknown instruction: BADCMD" in done.stderr
    assert "StageNameCasing" in done.stdout and "MaintainerDeprecated" in done.stdout
    value = json.loads(wherry.run("build", "--call=check,format=json", str(tmp_path)).stdout)
    assert [w["ruleName"] for w in value["warnings"]] == ["StageNameCasing", "MaintainerDeprecated"]
    assert value["buildError"]["location"]["ranges"][0]["start"] == {"line": 4}


def test_a_check_tells_why_nothing_would_be_built(wherry: Wherry, tmp_path: Path) -> None:
    text = "FROM scratch AS a\nCMD x\nFROM --platform=$NOPE scratch\nFROM a\n"
    done = wherry.run("build", "--check", context(tmp_path, text))
    assert done.returncode == 1 and "empty platform value from expression $NOPE" in done.stderr
    assert "JSONArgsRecommended" in done.stdout


def test_a_base_for_another_platform_is_found(bb: Wherry, tmp_path: Path) -> None:
    place = context(tmp_path, "FROM bb\n")
    done = bb.run("build", "--check", "--platform", "linux/s390x", place)
    assert "InvalidBaseImagePlatform" in done.stdout and 'expected "linux/s390x"' in done.stdout


def test_the_whole_context_is_ignored_only_where_a_pattern_takes_it(wherry: Wherry, tmp_path: Path) -> None:
    place = context(tmp_path, "FROM scratch\nCOPY . /\nCOPY /Dockerfile Dockerfile /x/\n")
    for text, found in (("*\n", [".", "Dockerfile"]), (".*\n", []), ("*\n!Dockerfile\n", [])):
        (tmp_path / ".dockerignore").write_text(text)
        value = json.loads(wherry.run("build", "--call=check,format=json", place).stdout)
        told = [w["detail"].split('"')[1] for w in value["warnings"] or ()]
        assert told == found, text


def test_errors_where_the_file_wants_them(bb: Wherry, tmp_path: Path) -> None:
    text = "# check=error=true\nFROM bb\nRUN exit 1\nCMD x\n"
    said = bb.fails("build", context(tmp_path, text), code=1)
    assert "lint violation found for rules: JSONArgsRecommended" in said and "exit 1" not in said
    said = bb.fails("build", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all", str(tmp_path), code=1)
    assert "did not complete successfully" in said


def test_targets(wherry: Wherry, tmp_path: Path) -> None:
    place = context(tmp_path, DOCKERFILE)
    shown = wherry("build", "--call=targets", place).strip().splitlines()
    assert [line.split(None, 1) for line in shown] == [
        ["TARGET", "DESCRIPTION"],
        ["base", "what all start from"],
        ["tool"],
        ["app", "(default)   the program"],
    ]
    found = json.loads(wherry("build", "--call=targets,format=json", place))["targets"]
    assert [(t["name"], t["default"]) for t in found] == [("base", False), ("tool", False), ("app", True)]


def test_an_outline(wherry: Wherry, tmp_path: Path) -> None:
    place = context(tmp_path, DOCKERFILE)
    args = ("--call=outline,format=json", "--build-arg", "WHO=me")
    app = json.loads(wherry("build", *args, place))
    assert app["args"] == [
        {"name": "VERSION", "value": "1", "description": "which one"},
        {"name": "WHO", "value": "me", "description": ""},
    ]
    tool = json.loads(wherry("build", *args, "--target", "tool", place))
    assert tool["secrets"] == [{"name": "key", "required": True}]
    assert tool["ssh"] == [{"name": "default", "required": False}]
    shown = wherry("build", "--call=outline", "--target", "tool", place)
    assert "TARGET: tool" in shown and "SECRET   REQUIRED\nkey      true" in shown


def test_a_method_that_is_none(wherry: Wherry, tmp_path: Path) -> None:
    said = wherry.fails("build", "--call=targts", context(tmp_path, "FROM scratch\n"), code=125)
    assert "did you mean targets?" in said


def test_a_verdict_is_one_platform_s(bb: Wherry, tmp_path: Path) -> None:
    """A warning came again with the next platform's build, or never."""
    place = context(tmp_path, "FROM bb\nLABEL a=b\n")
    rule = "InvalidBaseImagePlatform"
    for _ in range(2):
        assert rule in bb.run("build", "--platform", "linux/arm64", place).stderr
        assert rule not in bb.run("build", place).stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("EXPOSE foo", "foo"),
        ("STOPSIGNAL NONESUCH", "NONESUCH"),
        ("LABEL a=${B:?not set}", "not set"),
        ('VOLUME [""]', "empty string"),
        ("ARG T=bogus\nRUN --mount=type=$T true", "unsupported mount type 'bogus'"),
    ],
)
def test_a_check_tells_what_no_build_gets_past(
    wherry: Wherry, tmp_path: Path, line: str, said: str
) -> None:
    """As BuildKit does, which dispatches all instructions for it; the build says the same."""
    place = context(tmp_path, f"FROM scratch AS one\n{line}\nFROM scratch\nCOPY --from=one / /\n")
    found = wherry.fails("build", "--check", place, code=1)
    assert said in found and "Dockerfile:" in found
    assert said in wherry.fails("build", place, code=1)


def test_a_check_does_not_ask_what_only_the_base_can_tell(wherry: Wherry, tmp_path: Path) -> None:
    place = context(tmp_path, "FROM nosuch.example/absent\nLABEL a=${PATH:?unset}\n")
    assert "unset" not in wherry.run("build", "--check", place).stderr


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("COPY nosuch /f", 2), ("ADD f nosuch /d/", 2), ("ENV A=1\nCOPY x/../g /f", 3),
        ("COPY secret /f", 2), ("COPY out /f", 2),
    ],
)  # fmt: skip
def test_a_check_tells_of_files_that_the_context_lacks(
    wherry: Wherry, tmp_path: Path, text: str, line: int
) -> None:
    (tmp_path / "f").write_text("f")
    (tmp_path / "secret").write_text("s")
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / ".dockerignore").write_text("secret\n")
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\n{text}\n")
    checked = wherry.fails("build", "--check", str(tmp_path), code=1)
    built = wherry.fails("build", str(tmp_path), code=1)
    error = next(part for part in checked.splitlines() if part.startswith("error: "))
    assert f"Dockerfile:{line}: " in error and error in built


@pytest.mark.parametrize(
    "text",
    [
        "COPY f no* /d/", "COPY <<EOF /f\nx\nEOF", "ADD http://127.0.0.1:9/x /", "ADD git@h:x/y.git /d",
        "ARG A=nosuch\nCOPY $A /f", "COPY . /", "FROM scratch\nCOPY f /", "COPY --parents ./f /d/",
    ],
)  # fmt: skip
def test_a_check_does_not_tell_of_what_it_cannot_know(wherry: Wherry, tmp_path: Path, text: str) -> None:
    (tmp_path / "f").write_text("f")
    unneeded = "FROM scratch AS unneeded\nCOPY nosuch /\n"
    (tmp_path / "Dockerfile").write_text(f"{unneeded}FROM scratch\n{text}\n")
    assert "no warnings" in wherry("build", "--check", str(tmp_path))
