"""Layers on top of each other."""

from __future__ import annotations

from hypothesis import given

from explore.drawn import LAYERS, explored, layer
from wherry.explore.model import LayerFiles
from wherry.explore.stack import ADDED, CHANGED, REMOVED, Stack, stack


def changes(found: Stack, number: int) -> list[tuple[str, str]]:
    return [(change.kind, change.path) for change in found.changes[number]]


def shown(found: Stack) -> list[str]:
    return [placed.file.path for placed in found.files]


def test_a_layer_adds_changes_and_removes() -> None:
    found = stack(
        [layer("a/", ("a/x", "old"), ("a/y", "y")), layer("a/", ("a/x", "new!"), "-a/y", ("b", "b"))]
    )
    assert changes(found, 0) == [(ADDED, "a"), (ADDED, "a/x"), (ADDED, "a/y")]
    assert changes(found, 1) == [(CHANGED, "a/x"), (REMOVED, "a/y"), (ADDED, "b")]
    assert shown(found) == ["a", "a/x", "b"]
    assert [(hidden.placed.file.path, hidden.size, hidden.by, hidden.kind) for hidden in found.hidden] == [
        ("a/y", 1, 1, REMOVED),
        ("a/x", 3, 1, CHANGED),
    ]


def test_a_folder_that_is_removed_takes_all_below_it_along() -> None:
    found = stack([layer("a/", "a/b/", ("a/b/x", "x"), ("a/y", "y")), layer("-a")])
    assert changes(found, 1) == [(REMOVED, path) for path in ("a", "a/b", "a/b/x", "a/y")]
    assert shown(found) == [] and sum(hidden.size for hidden in found.hidden) == 2


def test_an_opaque_folder_hides_what_lay_there_and_not_its_own() -> None:
    found = stack([layer("a/", ("a/x", "x"), ("a/y", "yy")), layer("a/", "a/*", ("a/y", "new"))])
    assert changes(found, 1) == [(REMOVED, "a/x"), (CHANGED, "a/y")]
    assert shown(found) == ["a", "a/y"]


def test_a_file_in_the_place_of_a_folder_and_the_other_way() -> None:
    found = stack([layer("a/", ("a/x", "x"), ("b", "bb")), layer(("a", "aaa"), ("b/y", "y"))])
    assert changes(found, 1) == [(CHANGED, "a"), (REMOVED, "a/x"), (REMOVED, "b"), (ADDED, "b/y")]
    assert shown(found) == ["a", "b/y"]
    assert sorted(hidden.placed.file.path for hidden in found.hidden) == ["a/x", "b"]


def test_a_folder_is_changed_only_by_mode_or_owner() -> None:
    found = stack([layer("a/"), layer("a/", ("a/x", "x")), layer("a/", a=0o700)])
    assert changes(found, 1) == [(ADDED, "a/x")] and changes(found, 2) == [(CHANGED, "a")]


def test_hard_links_count_once_and_are_hidden_with_their_last_name() -> None:
    below = layer(("a", "1234"), "b=a")
    assert below.size == 4
    kept = stack([below, layer("-a")])
    assert changes(kept, 1) == [(REMOVED, "a")] and not kept.hidden
    gone = stack([below, layer("-a"), layer("-b")])
    assert [(hidden.size, hidden.by) for hidden in gone.hidden] == [(4, 2)]


def test_a_name_that_an_archive_has_twice_counts_once() -> None:
    first, second = layer(("a", "1")), layer(("a", "22"))
    twice = LayerFiles((first.files[0], second.files[0]._replace(body=7)))
    found = stack([layer(("a", "000")), twice])
    assert changes(found, 1) == [(CHANGED, "a")]
    before = found.changes[1][0].before
    assert before is not None and (before.layer, before.file.size) == (0, 3)
    assert sum(hidden.size for hidden in found.hidden) == 4


def test_a_layer_may_be_deeper_than_python_s_stack() -> None:
    deep = "/".join(["d"] * 2000)
    found = stack([layer((deep, "x")), layer("-d")])
    assert changes(found, 1) == [(REMOVED, deep)]


def test_a_folder_of_an_archive_that_goes_on_with_a_file_of_its_name_is_that_file() -> None:
    found = stack([layer("a/x/"), layer("a/x/", ("a", ""))])
    assert changes(found, 1) == [(ADDED, "a"), (REMOVED, "a/x")]


@given(LAYERS)
def test_every_byte_is_shown_or_hidden(layers: list[LayerFiles]) -> None:
    found = stack(layers)
    shown_bodies = {placed.body: placed.file.size for placed in found.files}
    hidden = [(each.placed.body, each.size) for each in found.hidden]
    assert len(dict(hidden)) == len(hidden) and not shown_bodies.keys() & dict(hidden).keys()
    assert sum(shown_bodies.values()) + sum(size for _, size in hidden) == sum(
        layer.size for layer in layers
    )
    image = explored(*layers)
    assert image.wasted == sum(size for _, size in hidden) and 0 <= image.efficiency <= 1


@given(LAYERS)
def test_the_changes_of_all_layers_make_the_files(layers: list[LayerFiles]) -> None:
    found = stack(layers)
    there: dict[str, int] = {}
    for number, each in enumerate(found.changes):
        for change in each:
            assert (change.path in there) == (change.kind != ADDED)
            if change.before is not None and change.before.file.type != "folder":
                assert change.before.layer == there[change.path]
            if change.kind == REMOVED:
                del there[change.path]
            else:
                there[change.path] = number
    assert sorted(there) == sorted(shown(found))
