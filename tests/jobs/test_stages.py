"""Which stages get pods of their own."""

from __future__ import annotations

from wherry.builder.plan.graph import Names, make_plan
from wherry.dockerfile import parse
from wherry.jobs.stages import apart, images


def pods(text: str) -> dict[str, set[int]]:
    plan = make_plan(parse(text.encode()), None, {})
    return {stage.name: set(stage.needs) for stage in apart(plan)}


def test_stages_side_by_side_are_apart_and_what_both_need_comes_first() -> None:
    text = (
        "FROM x AS base\nRUN a\nFROM base AS one\nRUN b\nFROM base AS two\nRUN c\n"
        "FROM x\nCOPY --from=one / /\nCOPY --from=two / /\n"
    )
    assert pods(text) == {"base": set(), "one": {0}, "two": {0}}


def test_a_chain_is_one_pods_work() -> None:
    assert pods("FROM x AS a\nRUN a\nFROM a AS b\nRUN b\nFROM b\nRUN c\n") == {}
    text = (
        "FROM x AS a\nRUN a\nFROM a AS b\nRUN b\nFROM x AS c\nRUN c\nFROM x\nCOPY --from=b / /\n"
        "COPY --from=c / /\n"
    )
    assert pods(text) == {"b": set(), "c": set()}


def test_stages_that_run_nothing_have_no_pod_and_hand_on_what_they_need() -> None:
    text = (
        "FROM x AS a\nRUN a\nFROM a AS between\nCOPY f /\nFROM between AS b\nRUN b\nFROM between\nRUN c\n"
        "FROM x\nCOPY --from=b / /\nCOPY --from=3 / /\n"
    )
    assert pods(text) == {"a": set(), "b": {0}, "3": {0}}


def test_what_the_target_does_not_need_is_not_built() -> None:
    assert pods("FROM x AS a\nRUN a\nFROM x AS b\nRUN b\nFROM x\nRUN c\n") == {}


def test_all_images_that_a_build_pulls_are_known() -> None:
    text = (
        "FROM one AS a\nRUN --mount=from=two,target=/t x\nFROM scratch\nCOPY --from=a / /\n"
        "COPY --from=three / /\nCOPY --from=mine / /\n"
    )
    dockerfile = parse(text.encode())
    plan = make_plan(dockerfile, None, {}, elsewhere={"mine"})
    assert images(plan, Names(dockerfile, {"mine"})) == ["one", "three", "two"]
