"""What differs between an image after one layer and after another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from explore.drawn import LAYERS, explored, layer
from wherry.explore.between import between
from wherry.explore.model import LayerFiles
from wherry.explore.stack import ADDED, CHANGED, REMOVED, stack

IMAGE = explored(
    layer(("a", "1"), ("b", "2")),
    layer(("a", "11"), ("c", "3"), ("d", "4")),
    layer("-b", "-c", ("a", "111")),
    layer(("b", "2")),
)


def test_changes_of_several_layers_are_one_each() -> None:
    found = between(IMAGE.layers, 1, 3)
    assert [(change.kind, change.path) for change in found] == [
        (CHANGED, "a"),
        (REMOVED, "b"),
        (ADDED, "d"),
    ]
    before = found[0].before
    assert before is not None and (before.layer, before.file.size) == (0, 1) and found[0].size == 3
    again = between(IMAGE.layers, 1, 4)
    assert [(change.kind, change.path) for change in again if change.path == "b"] == [(CHANGED, "b")]
    assert between(IMAGE.layers, 2, 2) == () and between(IMAGE.layers, 0, 1) == IMAGE.layers[0].changes


@given(LAYERS, st.data())
def test_they_lead_from_one_image_to_the_other(layers: list[LayerFiles], drawn: st.DataObject) -> None:
    first = drawn.draw(st.integers(0, len(layers)))
    last = drawn.draw(st.integers(first, len(layers)))

    def paths(number: int) -> set[str]:
        return {placed.file.path for placed in stack(layers[:number]).files}

    there = paths(first)
    for change in between(explored(*layers).layers, first, last):
        assert (change.path in there) == (change.kind != ADDED)
        there = there - {change.path} if change.kind == REMOVED else there | {change.path}
    assert there == paths(last)
