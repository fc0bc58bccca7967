"""--call=outline: the cases and their answers are BuildKit's (v0.34, frontend.outline)."""

from __future__ import annotations

import pytest

from wherry.builder.plan.dispatch import Given
from wherry.builder.plan.graph import make_plan, meta_scope
from wherry.builder.plan.outline import outline
from wherry.dockerfile.parser import parse


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "ARG A=1\nARG UNUSED=2\nFROM scratch AS base\nARG B=$A\nARG A\nARG C=x$A\nARG D\nARG NEVER=1\n",
            "A=1 B= C=x1 D=given NEVER=1",
        ),
        ("FROM scratch\nARG A=1 B=$A\nARG C=${A:-z}\nRUN true\n", "A=1 B=1 C=1"),
        ("FROM scratch\nARG HTTP_PROXY\nARG TARGETARCH\nARG Q=$TARGETARCH\n", "HTTP_PROXY= Q=amd64"),
        ("ARG A=1\nFROM scratch AS one\nARG A=3\nFROM one\nARG B=$A\n", "A=3 B=3"),
        ("FROM scratch\nARG A=1\nARG A=2\n", "A=2"),
        ("ARG V=1\nFROM scratch AS other\nARG X=1\nFROM base$V\n", "V=1"),
        ("FROM scratch\nENV E=5\nARG A=$E\n", "A=5"),
    ],
)
def test_arguments(text: str, told: str) -> None:
    dockerfile, given = parse(text), {"D": "given"}
    meta = meta_scope(dockerfile, given, {"TARGETARCH": "amd64"})
    found = outline(dockerfile, make_plan(dockerfile, None, meta), Given(meta, given))
    assert " ".join(f"{one.name}={one.value}" for one in found.arguments) == told


def test_secrets_and_agents() -> None:
    text = (
        "FROM scratch\nARG N=named\nRUN --mount=type=secret,id=s,required "
        "--mount=type=secret,id=t,required=true --mount=type=ssh,required "
        "--mount=type=secret,target=/x/y --mount=type=secret,id=$N true\n"
    )
    dockerfile = parse(text)
    found = outline(dockerfile, make_plan(dockerfile, None, {}), Given({}, {}))
    assert found.secrets == {"s": True, "t": True, "y": False, "named": False}
    assert found.agents == {"default": True}
