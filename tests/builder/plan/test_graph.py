"""Which stages a target needs, and what their names mean."""

from __future__ import annotations

import pytest

from wherry.builder.plan.graph import Plan, make_plan, meta_scope
from wherry.dockerfile.parser import parse
from wherry.errors import DockerfileError, NotFoundError

THREE = """\
FROM scratch AS a
FROM scratch AS unused
FROM a AS b
COPY --from=a /x /
FROM scratch
COPY --from=b /x /
RUN --mount=type=bind,from=a,target=/a true
"""


def plan(text: str, target: str | None = None, **more: object) -> Plan:
    args = more.pop("args", {})
    dockerfile = parse(text)
    return make_plan(dockerfile, target, meta_scope(dockerfile, args), **more)  # type: ignore[arg-type]


def test_only_what_the_target_needs_is_planned_each_after_what_it_needs() -> None:
    found = plan(THREE)
    assert found.order == (0, 2, 3)
    assert [found.stages[number].needs for number in found.order] == [(), (0,), (0, 2)]
    assert found.stages[2].parent == 0 and found.stages[3].parent is None
    assert plan(THREE, "unused").order == (1,)
    assert plan(THREE, "B").order == (0, 2)
    assert plan(THREE, "0").order == (0,)


def test_an_unknown_target_is_said_with_the_near_one() -> None:
    with pytest.raises(NotFoundError) as caught:
        plan(THREE, "unsed")
    assert "target stage unsed" in caught.value.message and caught.value.hint == "did you mean unused?"


def test_of_stages_of_one_name_the_last_before_is_meant() -> None:
    found = plan("FROM scratch AS a\nFROM scratch AS a\nFROM a\nFROM scratch AS a\n", "2")
    assert found.stages[2].parent == 1 and found.order == (1, 2)


def test_a_name_that_a_context_has_is_no_stage() -> None:
    found = plan(THREE, None, elsewhere={"b"})
    assert found.order == (0, 3)


def test_a_number_is_no_base() -> None:
    """FROM 0 names an image; only --from takes numbers."""
    found = plan("FROM scratch\nFROM 0\n")
    assert found.stages[1].parent is None and found.stages[1].base == "0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("FROM scratch AS a\nCOPY --from=a /x /\n", "a stage cannot copy from itself"),
        ("FROM scratch AS a\nCOPY --from=1 /x /\n", "invalid stage index 1"),
        ("FROM scratch AS a\nCOPY --from=99999999999 /x /\n", "invalid stage index"),
        ("FROM scratch AS a\nCOPY --from=$b /x /\n", "not supported for --from"),
        ("ARG B\nFROM $B\n", "should not be blank"),
        ("FROM --platform=$P scratch\n", "empty platform value"),
    ],
)
def test_what_no_stage_can_be_is_refused(text: str, says: str) -> None:
    with pytest.raises(DockerfileError, match=says.replace("$", r"\$")):
        plan(text)


def test_arguments_before_the_first_from_are_known_in_froms() -> None:
    text = "ARG V=1\nARG W=$V-x\nFROM img:$W\n"
    assert plan(text).stages[0].base == "img:1-x"
    assert plan(text, args={"V": "2"}).stages[0].base == "img:2-x"
    assert plan(text, args={"W": "w"}).stages[0].base == "img:w"


def test_triggers_come_first_those_of_an_image_and_those_of_a_stage() -> None:
    asked = []

    def onbuild(base: str, platform: str, _place: object) -> list[str]:
        asked.append((base, platform))
        return ["RUN image"]

    text = "FROM --platform=linux/arm64 img AS a\nONBUILD COPY x /\nFROM a\nRUN own\n"
    found = plan(text, onbuild=onbuild)
    assert asked == [("img", "linux/arm64")]
    for number, sources in ((0, ["RUN image", "ONBUILD COPY x /"]), (1, ["COPY x /", "RUN own"])):
        stage = found.stages[number]
        assert [i.source for i in stage.stage.instructions] == sources and stage.triggers == 1
