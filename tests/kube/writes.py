"""Scenarios of writing that any API server can play: a real one and the fake.

Each gets a Writer of Services as one field manager, and another as a second one; `name` and `namespace` are
for this scenario alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from wherry.kube import faults
from wherry.kube.faults import Failed, Fault
from wherry.kube.writer import Writer


class Play(NamedTuple):
    writer: Writer
    other: Writer
    namespace: str


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"port": 80, "protocol": "TCP"}]
    meta = {"name": name, "annotations": {"a": "1", "b": "2"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports, **spec}}


def applied(name: str, **annotations: str) -> dict[str, Any]:
    """What a manager that wants these annotations applies."""
    return {"metadata": {"name": name, "annotations": annotations}, "spec": {"ports": [{"port": 80}]}}


def failure(write: Callable[[], object]) -> Fault:
    with pytest.raises(Failed) as caught:
        write()
    return caught.value.fault


def annotations(object_: dict[str, Any]) -> dict[str, str]:
    return dict(object_["metadata"].get("annotations") or {})


def what_is_created_is_there_once(play: Play) -> None:
    made = play.writer.create(play.namespace, service("one"))
    assert made["metadata"]["uid"] and annotations(made) == {"a": "1", "b": "2"}
    assert play.writer.read(play.namespace, "one")["metadata"]["uid"] == made["metadata"]["uid"]
    fault = failure(lambda: play.writer.create(play.namespace, service("one")))
    assert fault.kind == faults.EXISTS and "already exists" in fault.message


def a_merge_changes_what_it_names_and_null_removes(play: Play) -> None:
    play.writer.create(play.namespace, service("two"))
    now = play.writer.merge(play.namespace, "two", {"metadata": {"annotations": {"a": None, "c": "3"}}})
    assert annotations(now) == {"b": "2", "c": "3"} and now["spec"]["ports"][0]["port"] == 80
    assert annotations(play.writer.read(play.namespace, "two")) == {"b": "2", "c": "3"}


def a_merge_of_what_has_changed_meanwhile_is_a_conflict(play: Play) -> None:
    before = play.writer.create(play.namespace, service("three"))["metadata"]["resourceVersion"]
    play.other.merge(play.namespace, "three", {"metadata": {"annotations": {"a": "other"}}})
    mine = {"metadata": {"resourceVersion": before, "annotations": {"a": "mine"}}}
    fault = failure(lambda: play.writer.merge(play.namespace, "three", mine))
    assert fault.kind == faults.CONFLICT and fault.hint and "read it again" in fault.hint
    assert annotations(play.writer.read(play.namespace, "three"))["a"] == "other"


def what_is_applied_may_be_applied_again_and_owns_its_fields(play: Play) -> None:
    first = play.writer.apply(play.namespace, applied("four", a="1", b="2"))
    again = play.writer.apply(play.namespace, applied("four", a="1", b="2"))
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    play.other.merge(play.namespace, "four", {"metadata": {"annotations": {"theirs": "x"}}})
    now = play.writer.apply(play.namespace, applied("four", a="3"))
    assert annotations(now) == {"a": "3", "theirs": "x"}, "ours that is missing goes, others' stays"


def a_field_of_another_manager_is_a_conflict_unless_forced(play: Play) -> None:
    play.other.apply(play.namespace, applied("five", a="theirs"))
    fault = failure(lambda: play.writer.apply(play.namespace, applied("five", a="mine")))
    assert fault.kind == faults.CONFLICT and "force" in str(fault.hint)
    assert annotations(play.writer.read(play.namespace, "five"))["a"] == "theirs"
    assert (
        annotations(play.writer.apply(play.namespace, applied("five", a="mine"), force=True))["a"] == "mine"
    )


def the_status_is_changed_alone(play: Play) -> None:
    play.writer.create(play.namespace, service("six"))
    seen = [_condition("True")]
    changes = {"status": {"conditions": seen}, "spec": {"type": "NodePort"}}
    now = play.writer.merge(play.namespace, "six", changes, subresource="status")
    assert now["status"]["conditions"] == seen and now["spec"].get("type") != "NodePort"
    ignored = {"status": {"conditions": [_condition("False")]}}
    now = play.writer.merge(play.namespace, "six", ignored)
    assert now["status"]["conditions"] == seen, "not by a write of the object"
    mine = {"metadata": {"name": "six"}, "status": {"conditions": [_condition("Unknown")]}}
    now = play.writer.apply(play.namespace, mine, subresource="status", force=True)
    assert [c["status"] for c in now["status"]["conditions"]] == ["Unknown"] and now["spec"]["ports"]


def _condition(status: str) -> dict[str, str]:
    when = "2026-01-01T00:00:00Z"
    return {
        "type": "x.dev/Seen",
        "status": status,
        "reason": "R",
        "message": "",
        "lastTransitionTime": when,
    }


def what_is_deleted_is_gone_and_only_that_very_object(play: Play) -> None:
    made = play.writer.create(play.namespace, service("seven"))
    fault = failure(lambda: play.writer.delete(play.namespace, "seven", uid="another"))
    assert fault.kind == faults.CONFLICT
    play.writer.delete(play.namespace, "seven", uid=made["metadata"]["uid"])
    for write in (
        lambda: play.writer.read(play.namespace, "seven"),
        lambda: play.writer.delete(play.namespace, "seven"),
        lambda: play.writer.merge(play.namespace, "seven", {"metadata": {"annotations": {"a": "1"}}}),
    ):
        fault = failure(write)
        assert fault.kind == faults.NOT_FOUND and 'services "seven" not found' in fault.message


def a_namespace_that_is_not_there_is_told_with_what_makes_it(play: Play) -> None:
    fault = failure(lambda: play.writer.create("absent", service("eight")))
    assert fault.kind == faults.NOT_FOUND and fault.hint == "kubectl create namespace absent"


SCENARIOS = [
    what_is_created_is_there_once,
    a_merge_changes_what_it_names_and_null_removes,
    a_merge_of_what_has_changed_meanwhile_is_a_conflict,
    what_is_applied_may_be_applied_again_and_owns_its_fields,
    a_field_of_another_manager_is_a_conflict_unless_forced,
    the_status_is_changed_alone,
    what_is_deleted_is_gone_and_only_that_very_object,
    a_namespace_that_is_not_there_is_told_with_what_makes_it,
]
