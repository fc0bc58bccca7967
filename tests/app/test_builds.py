"""What builds did elsewhere is remembered here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wherry.app.builds import builds, builds_since, remember
from wherry.store import Store

STEP = {
    "stage": 0, "number": 2, "label": "2/2", "kind": "run", "source": "RUN true", "outcome": "ran",
    "why": "", "seconds": 0.1, "layer": "", "size": 0, "args": [], "keys": [["a", {"kind": "run"}]],
}  # fmt: skip
RECORD = {
    "id": "../../evil", "began": 5e9, "seconds": 1.5, "context": "oci://r/app@sha256:0", "dockerfile": "",
    "target": "", "names": ["theirs"], "outcome": "done", "image": "sha256:1", "steps": [STEP],
}  # fmt: skip
ORIGIN = ("/src/app", "/src/app/Dockerfile", ("r.example/app:1",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "store"))


def test_a_build_elsewhere_is_one_of_this_folder_at_this_machines_time(store: Store) -> None:
    remember(store, json.loads(json.dumps(RECORD)), ORIGIN, 1000.0)
    (found,) = builds(store)
    assert (found.context, found.dockerfile, found.names, found.began) == (*ORIGIN, 1000.0)
    assert found.steps[0].source == "RUN true" and found.steps[0].keys[0].components == {"kind": "run"}
    assert [record["names"] for record in builds_since(store, 1000.0)] == [ORIGIN[2]]
    assert builds_since(store, 1000.1) == []


@pytest.mark.parametrize(
    "wrong",
    [{}, {"steps": 5}, {**RECORD, "steps": [{}]}, {**RECORD, "more": 1}, {**RECORD, "steps": [[]]}],
    ids=range(5),
)
def test_what_is_no_record_is_passed_over(store: Store, wrong: dict[str, object]) -> None:
    remember(store, wrong, ORIGIN, 1000.0)
    assert builds(store) == []


def test_steps_that_another_pod_ran_for_a_build_are_not_said_to_be_from_the_cache(store: Store) -> None:
    hit = {**STEP, "outcome": "hit", "origin": "registry r/app:buildcache-b"}
    other = {**hit, "number": 3, "keys": [["b", None]]}
    again = {**STEP, "number": 3, "keys": [["c", {"kind": "run"}]]}
    parts = [{**RECORD, "steps": [STEP, again]}]
    remember(store, {**RECORD, "steps": [hit, other]}, ORIGIN, 1000.0, parts)
    (found,) = builds(store)
    assert [(step.outcome, step.origin) for step in found.steps] == [
        ("ran", ""),
        ("hit", "registry r/app:buildcache-b"),
    ]
