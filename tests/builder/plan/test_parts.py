"""Small parts of planning: platforms' arguments, here-documents, what is refused, what counts as a step."""

from __future__ import annotations

import pytest

from wherry.builder.plan.heredoc import PIPES, resolved
from wherry.builder.plan.instruction import expand_instruction, is_step, step_label, steps_of
from wherry.builder.plan.platforms import platform_args
from wherry.builder.plan.supported import check_supported
from wherry.dockerfile.ast import Expose, Run, Stage
from wherry.dockerfile.parser import parse
from wherry.errors import DockerfileError
from wherry.oci.platform import Platform


def stage(text: str) -> Stage:
    return parse(f"FROM scratch\n{text}").stages[0]


def test_a_dockerfile_is_told_of_both_platforms() -> None:
    args = platform_args(Platform("linux", "amd64"), Platform("linux", "arm", "v7"), "fin")
    assert args == {
        "TARGETSTAGE": "fin",
        "BUILDPLATFORM": "linux/amd64",
        "BUILDOS": "linux",
        "BUILDARCH": "amd64",
        "BUILDVARIANT": "",
        "BUILDOSVERSION": "",
        "TARGETPLATFORM": "linux/arm/v7",
        "TARGETOS": "linux",
        "TARGETARCH": "arm",
        "TARGETVARIANT": "v7",
        "TARGETOSVERSION": "",
    }
    assert platform_args(*[Platform("linux", "amd64")] * 2, None)["TARGETSTAGE"] == "default"


@pytest.mark.parametrize(
    ("text", "words", "scripts"),
    [
        ("RUN true\n", ("true",), {}),
        ("RUN <<E\na\nb\nE\n", ("a\nb\n",), {}),
        ("RUN <<E\n#!/bin/x\na\nE\n", (f"{PIPES}/E",), {"E": "#!/bin/x\na\n"}),
        ("RUN cat <<E\na\nE\n", ("cat <<E\na\nE",), {}),
    ],
)
def test_what_a_run_with_documents_starts(
    text: str, words: tuple[str, ...], scripts: dict[str, str]
) -> None:
    (run,) = stage(text).instructions
    assert isinstance(run, Run)
    command, found = resolved(run.command)
    assert command.words == words and found == scripts and not command.heredocs


def test_what_cannot_or_may_not_be_done_is_refused_by_name() -> None:
    with pytest.raises(DockerfileError, match="--device is not supported"):
        check_supported(stage("RUN --device=x/y=z true\n"), insecure=True)
    insecure = stage("RUN --security=insecure true\n")
    with pytest.raises(DockerfileError, match=r"security\.insecure is not allowed"):
        check_supported(insecure, insecure=False)
    check_supported(insecure, insecure=True)


def test_steps_are_what_makes_a_layer() -> None:
    found = stage("ARG A\nENV B=1\nRUN x\nCOPY a /\nADD a /\nWORKDIR /w\nUSER u\nCMD x\n")
    assert [is_step(i) for i in found.instructions] == [False, False, *[True] * 4, False, False]
    assert steps_of(found) == 5
    assert step_label(found, 2, 5, alone=True) == "2/5"
    assert step_label(found, 2, 5, alone=False) == "stage-0 2/5"
    named = parse("FROM scratch AS a\nRUN x\n").stages[0]
    assert step_label(named, 2, 2, alone=False) == "a 2/2"


def test_variables_are_replaced_where_docker_replaces_them() -> None:
    found = stage(
        "ENV $a=$b\nLABEL x=$b\nUSER $b\nWORKDIR $b\nVOLUME $b\nEXPOSE $b\nSTOPSIGNAL $b\nRUN $b\n"
    )
    shown = [
        expand_instruction(i, lambda word: word.replace("$", "<"), lambda word: [word, word])
        for i in found.instructions
    ]
    assert [
        str(getattr(i, name)) for i, name in zip(shown, ("pairs", "pairs", "user", "path"), strict=False)
    ] == [
        "(('<a', '<b'),)",
        "(('x', '<b'),)",
        "<b",
        "<b",
    ]
    assert isinstance(shown[5], Expose) and shown[5].ports == ("$b", "$b")
    assert shown[7] == found.instructions[7]
