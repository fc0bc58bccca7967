# ruff: noqa: E501 - messages are as long as they are
"""Every rule: a Dockerfile that breaks it, with the message and the line, and one that does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.dockerfile import parse
from wherry.dockerfile.lint.check import Known, check
from wherry.dockerfile.lint.options import CheckOptions, parse_check
from wherry.dockerfile.lint.rules import RULES
from wherry.dockerfile.lint.show import as_json, whole
from wherry.errors import DockerfileError

KNOWN = Known(
    env=lambda _: {"PATH": "/bin", "FROM_BASE": "/b"}, ignored=lambda name: name.startswith("hidden")
)
BREAK = {
    "StageNameCasing": ("FROM a AS Base\n", "Stage name 'Base' should be lowercase", 1),
    "FromAsCasing": ("FROM a as base\n", "'as' and 'FROM' keywords' casing do not match", 1),
    "NoEmptyContinuation": ("FROM a\nRUN x \\\n\n  y\n", "Empty continuation line", 4),
    "ConsistentInstructionCasing": (
        "FROM a\nrun x\nRUN y\n", "Command 'run' should match the case of the command majority (uppercase)", 2,
    ),
    "DuplicateStageName": (
        "FROM a AS x\nFROM b AS x\n", 'Duplicate stage name "x", stage names should be unique', 2,
    ),
    "ReservedStageName": (
        "FROM a AS context\n", 'Stage name should not use the same name as reserved stage "context"', 1,
    ),
    "JSONArgsRecommended": (
        "FROM a\nCMD x\n",
        "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals", 2,
    ),
    "MaintainerDeprecated": (
        "FROM a\nMAINTAINER me\n", "Maintainer instruction is deprecated in favor of using label", 2,
    ),
    "UndefinedArgInFrom": (
        "ARG VERSION=1\nFROM a:${VERSIO}1\n", "FROM argument 'VERSIO' is not declared (did you mean VERSION?)", 2,
    ),
    "WorkdirRelativePath": (
        "FROM a\nWORKDIR x\n", 'Relative workdir "x" can have unexpected results if the base image changes', 2,
    ),
    "UndefinedVar": (
        "FROM a\nENV NAME=1\nLABEL b=$NAM\n", "Usage of undefined variable '$NAM' (did you mean $NAME?)", 3,
    ),
    "MultipleInstructionsDisallowed": (
        'FROM a\nCMD ["x"]\nCMD ["y"]\n',
        "Multiple CMD instructions should not be used in the same stage because only the last one will be used", 2,
    ),
    "LegacyKeyValueFormat": (
        "FROM a\nENV b c\n", '"ENV key=value" should be used instead of legacy "ENV key value" format', 2,
    ),
    "RedundantTargetPlatform": (
        "FROM --platform=$TARGETPLATFORM a\n",
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior", 1,
    ),
    "SecretsUsedInArgOrEnv": (
        "FROM a\nENV DB_PASSWORD=x\n",
        'Do not use ARG or ENV instructions for sensitive data (ENV "DB_PASSWORD")', 2,
    ),
    "InvalidDefaultArgInFrom": (
        "ARG V\nFROM a:$V\n", "Default value for ARG a:$V results in empty or invalid base image name", 2,
    ),
    "FromPlatformFlagConstDisallowed": (
        "FROM --platform=linux/amd64 a\n",
        'FROM --platform flag should not use constant value "linux/amd64"', 1,
    ),
    "CopyIgnoredFile": (
        "FROM a\nCOPY x hidden/y /\n",
        'Attempting to Copy file "hidden/y" that is excluded by .dockerignore', 2,
    ),
    "InvalidDefinitionDescription": (
        "# check=experimental=all\n\n# what it is\nFROM a AS base\n",
        "Comment for FROM should follow the format: `# base <description>`", 4,
    ),
    "ExposeProtoCasing": (
        "FROM a\nEXPOSE 80/TCP\n", "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase", 2,
    ),
    "ExposeInvalidFormat": (
        "FROM a\nEXPOSE 127.0.0.1:80:80\n",
        "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'", 2,
    ),
}  # fmt: skip
FINE = [
    "FROM a AS base\n",
    "from a as base\nrun x\n",
    "FROM a\nRUN x \\\n  # said\n  y\n",
    "FROM a\nRUN <<EOF\n\nx\nEOF\n",
    'FROM a\nSHELL ["/bin/bash", "-c"]\nCMD x\n',
    'FROM a\nENTRYPOINT ["x"]\nCMD ["y"]\n',
    "ARG V=1\nFROM a:$V\nFROM --platform=$BUILDPLATFORM a\n",
    "FROM a\nWORKDIR /x\nWORKDIR y\n",
    "FROM a\nARG A\nLABEL b=$A$FROM_BASE c='$no' d=\\$no\n",
    "FROM a AS x\nENV Y=1\nFROM x\nLABEL z=$Y\n",
    'FROM a\nCMD ["x"]\nFROM b\nCMD ["y"]\n',
    "FROM a\nENV PUBLIC_KEY=x MONKEY=y TOKENS=z KEY_FILE=a AUTH_VERSION=b\n",
    "FROM a AS x\nWORKDIR /x\nFROM x\nWORKDIR y\n",
    "FROM a\nENV W=/abs\nWORKDIR $W\n",
    "FROM a\nWORKDIR $FROM_BASE\n",
    "FROM a\n# check=skip=JSONArgsRecommended // why\nCMD x\n",
    "FROM a\n#check=skip=all\n\nCMD x\n",
    "#!/bin/sh\n# check=skip=JSONArgsRecommended # why\nFROM a\nCMD x\n",
    "FROM --platform=linux/x86_64 a AS for-amd64\n",
    "arg x=1\narg y=2\nFROM a\n",
    "FROM a\nEXPOSE $NOPE\n",
    "FROM a\nCOPY <<'E' /x\n$NOPE\nE\n",
    "# check=experimental=all\n# not base\n#\nFROM a AS base\n",
    "FROM --platform=linux/arm64 a AS build-arm64\n",
    "FROM a\nCOPY --from=b hidden/x /\nADD https://hidden/ /\nCOPY . /\n",
    "# base what it is\nFROM a AS base\n",
    "FROM a\nEXPOSE 80/tcp 53/udp 1-3\n",
]


MORE = [
    ("FROM a\nLABEL a=${X:-d} b=${Y+e}\n", [("UndefinedVar", 2, "$X"), ("UndefinedVar", 2, "$Y")]),
    ("FROM a\nCOPY <<E /x\n$N\nE\n", [("UndefinedVar", 2, "$N")]),
    ("FROM a\nRUN --mount=type=tmpfs,target=/$T true\n", [("UndefinedVar", 2, "$T")]),
    ("FROM a\nLABEL a=$http_proxy\n", [("UndefinedVar", 2, "$http_proxy")]),
    ("FROM a\nENV P=81/UDP\nEXPOSE $P\n", [("ExposeProtoCasing", 3, "81/UDP")]),
    ("FROM a\nENV P=1:81\nEXPOSE $P\n", [("ExposeInvalidFormat", 3, "1:81")]),
    ("FROM a\nENV W=rel\nWORKDIR $W\n", [("WorkdirRelativePath", 3, '"rel"')]),
    (
        "FROM a\ncmd x\nRUN y\n",
        [("ConsistentInstructionCasing", 2, "'cmd'"), ("JSONArgsRecommended", 2, "for cmd")],
    ),
    ("FROM a\nENV A=1\n# check=skip=UndefinedVar\nLABEL a=$B\nLABEL b=$B\n", [("UndefinedVar", 5, "$B")]),
    ("FROM a\n# check=bogus\nCMD x\n", [("JSONArgsRecommended", 3, "CMD")]),
    ("FROM a\n#check=skip=all\n#\nCMD x\n", [("JSONArgsRecommended", 4, "CMD")]),
    ("FROM --platform=${TARGETPLATFORM} a\n", [("RedundantTargetPlatform", 1, "${TARGETPLATFORM}")]),
    ("FROM --platform=linux/x86_64 a\n", [("FromPlatformFlagConstDisallowed", 1, "x86_64")]),
    (
        "ARG V=1\nFROM a:$v\n",
        [("UndefinedArgInFrom", 2, "(did you mean V?)"), ("InvalidDefaultArgInFrom", 2, "a:$v")],
    ),
    (
        "# check=experimental=all\n\n# said\n\nFROM a AS base\n",
        [("InvalidDefinitionDescription", 5, "FROM")],
    ),
    (
        "# check=experimental=all\n\n# said\nARG a b\nFROM a\n",
        [("InvalidDefinitionDescription", 4, "<arg_key>")],
    ),
    (
        "FROM a\nCOPY ./hidden hidden/../hidden/x /\n",
        [("CopyIgnoredFile", 2, '"hidden"'), ("CopyIgnoredFile", 2, '"hidden/x"')],
    ),
    ("FROM a\nRUN x \\\n\n  y \\\n\n z\nRUN <<E\n\nE\n", [("NoEmptyContinuation", 6, "Empty")]),
]


@pytest.mark.parametrize(("text", "found"), MORE)
def test_how_far_a_rule_reaches(text: str, found: list[tuple[str, int, str]]) -> None:
    told = check(parse(text), KNOWN)
    assert [(one.rule, one.line) for one in told] == [(rule, line) for rule, line, _ in found]
    assert all(part in one.message for one, (_, _, part) in zip(told, found, strict=True)), told


def rules(text: str) -> list[str]:
    return [one.rule for one in check(parse(text), KNOWN)]


@pytest.mark.parametrize("rule", BREAK)
def test_a_rule_that_is_broken(rule: str) -> None:
    text, message, line = BREAK[rule]
    found = [one for one in check(parse(text), KNOWN) if one.rule == rule]
    assert [(one.message, one.line) for one in found] == [(message, line)]
    assert rules(f"# check=skip={rule}\n{text.removeprefix('# check=experimental=all')}").count(rule) == 0


@pytest.mark.parametrize("text", FINE)
def test_what_breaks_no_rule(text: str) -> None:
    assert rules(text) == []


def test_every_rule_of_the_text_is_tested() -> None:
    ours = {"ProgramNotFound", "ProgramNotExecutable", "InterpreterNotFound", "WrongArchitecture",
            "LoaderNotFound", "LibraryNotFound", "RepeatedFiles", "RemovedLater", "PackageListsLeft",
            "DebugSymbols"}  # fmt: skip
    assert set(RULES) - set(BREAK) == {*ours, "InvalidBaseImagePlatform"}


def test_of_a_base_that_is_not_here_nothing_is_undefined() -> None:
    assert check(parse("FROM a\nLABEL b=$ANYTHING\n"), Known()) == []


def test_experimental_rules_are_asked_for() -> None:
    text = "# what it is\nFROM a AS base\n"
    assert rules(text) == [] and rules(f"# check=experimental=InvalidDefinitionDescription\n\n{text}") != []


def test_options() -> None:
    assert parse_check("skip=A, B;error=true") == CheckOptions(frozenset({"A", "B"}), True)
    assert rules("# check=skip=all\nFROM a as B\n") == []
    for text in ("skip", "eror=true", "error=maybe"):
        with pytest.raises(DockerfileError):
            parse_check(text)


def test_a_finding_is_shown_with_its_lines() -> None:
    dockerfile = parse("FROM a\nCMD x\n\nRUN y\n")
    shown = whole(check(dockerfile, KNOWN), dockerfile)
    assert shown.startswith("Check complete, 1 warning has been found!\n\nWARNING: JSONArgsRecommended\n")
    assert (
        "Dockerfile:2\n--------------------\n   1 |     FROM a\n   2 | >>> CMD x\n   3 |\n   4 |     RUN y\n"
        in shown
    )
    assert as_json(check(dockerfile, KNOWN), dockerfile)["warnings"][0]["ruleName"] == "JSONArgsRecommended"


@given(
    st.lists(
        st.sampled_from(
            [*"$\\{}:-#\n \"'=/,@[]", "FROM", "a", "AS", "ARG", "ENV", "<<E", "EXPOSE", "COPY"]
        ),
        max_size=40,
    )
)
def test_any_dockerfile_that_parses_is_checked(pieces: list[str]) -> None:
    try:
        dockerfile = parse("FROM a\n" + "".join(pieces))
        found = check(dockerfile, KNOWN)
    except DockerfileError:
        return
    assert whole(found, dockerfile)
