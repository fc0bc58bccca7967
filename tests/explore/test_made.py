"""Which command made a layer."""

from __future__ import annotations

import pytest

from wherry.explore.made import Made, command, from_history, with_builds
from wherry.oci.config import History
from wherry.oci.digest import chain_id
from wherry.store.buildrecord import BuildRecord, StepKey, StepRecord


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("/bin/sh -c #(nop) COPY file:12 in / ", "COPY file:12 in /"),
        ("/bin/sh -c apt-get  update", "RUN apt-get update"),
        ("RUN /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |2 A=1 B=2 /bin/sh -c make # buildkit", "RUN make"),
        ("COPY a /a # buildkit", "COPY a /a"),
        ('RUN ["/x"]', 'RUN ["/x"]'),
        ("", ""),
    ],
)
def test_history_becomes_an_instruction(written: str, shown: str) -> None:
    assert command(written) == shown


def test_lines_without_a_layer_are_passed_over_and_layers_without_a_line_say_nothing() -> None:
    history = [History(created_by="COPY a /"), History(created_by="ENV A=1", empty_layer=True)]
    assert [made.command for made in from_history(history, 2)] == ["COPY a /", ""]
    assert [made.command for made in from_history(history * 3, 2)] == ["COPY a /", "COPY a /"]


BASE, OTHER = "sha256:" + "b" * 64, "sha256:" + "c" * 64


def step(source: str, layer: str, line: int, outcome: str = "ran", seconds: float = 1.5) -> StepRecord:
    return StepRecord(0, line, "", "run", source, outcome, "", seconds, layer, 1, (), (), "", line, line)


def build(identity: str, image: str, *steps: StepRecord) -> BuildRecord:
    made_of = {"image": "sha256:1", "chain": chain_id([BASE])}
    base = StepRecord(0, 1, "", "from", "FROM x", "base", "", 0, "", 0, (), (StepKey("", made_of),))
    return BuildRecord(identity, 0, 1, "/c", "/c/Dockerfile", "", (), "done", image, (base, *steps))


def test_builds_tell_line_time_and_base() -> None:
    newest = build("2", "image", step("RUN a", OTHER, 7, "hit", 0.001))
    oldest = build("1", "image", step("RUN a", OTHER, 5, seconds=3))
    base, own = with_builds([Made(), Made("RUN /bin/a")], [BASE, OTHER], "image", [newest, oldest])
    assert base.is_base and not own.is_base and base.line == 0
    assert (own.command, own.place, own.seconds) == ("RUN a", "Dockerfile:7", 3)


def test_of_two_layers_with_the_same_bytes_each_has_its_step() -> None:
    record = build("1", "image", step("RUN a", OTHER, 2), step("RUN b", OTHER, 3))
    made = with_builds([Made()] * 3, [BASE, OTHER, OTHER], "image", [record])
    assert [one.line for one in made] == [0, 2, 3]


def test_a_build_of_another_image_tells_of_a_layer_that_both_have() -> None:
    record = build("1", "other", step("RUN a", OTHER, 2))
    made = with_builds([Made(), Made()], [BASE, OTHER], "image", [record])
    assert [(one.line, one.is_base) for one in made] == [(0, False), (2, False)]
    assert with_builds([Made("x")], [BASE], "image", []) == [Made("x")]
