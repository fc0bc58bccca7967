"""Lists and events as they come, to small values; and where a resource is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from wherry.kube import fields
from wherry.kube.reflector import Event, Item
from wherry.kube.resource import Invalid, Malformed, Resource, event, page

PODS: Resource[str] = Resource(
    "", "v1", "pods", "Pod", lambda o: fields.required(fields.mapping(o, "spec"), "spec.node")
)


def pod(name: str = "a", version: str = "7", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "resourceVersion": version}, "spec": spec}


def test_an_object_that_the_projection_refuses_stands_in_the_list_as_invalid() -> None:
    object_ = {
        "metadata": {"resourceVersion": "9"},
        "items": [pod("a", node="x"), pod("b", node=5), pod("c")],
    }
    found = page(PODS, object_)
    assert (found.version, found.token) == (9, "")
    assert [item.value for item in found.items] == [
        "x", Invalid("n", "b", "spec.node is not text"), Invalid("n", "c", "spec.node is missing")
    ]  # fmt: skip


def test_an_event_is_projected_and_a_bookmark_has_only_its_version() -> None:
    known = Item(("n", "a"), 7, "x")
    assert event(PODS, {"type": "ADDED", "object": pod(node="x")}) == Event("ADDED", 7, known)
    mark = {"metadata": {"resourceVersion": "12"}}
    assert event(PODS, {"type": "BOOKMARK", "object": mark}) == Event("BOOKMARK", 12)


@pytest.mark.parametrize(
    "object_",
    [None, [], {}, {"metadata": None}, {"metadata": {"resourceVersion": "x"}},
     {"metadata": {"resourceVersion": "1"}, "items": [5]},
     {"metadata": {"resourceVersion": "1"}, "items": 5},
     {"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {}}]}],
)  # fmt: skip
def test_what_is_no_list_is_malformed(object_: Any) -> None:
    with pytest.raises(Malformed, match="no list of pods"):
        page(PODS, object_)


@pytest.mark.parametrize(
    "object_",
    [{}, {"type": "ADDED"}, {"type": "ADDED", "object": []}, {"type": "NEW", "object": pod(node="x")},
     {"type": "BOOKMARK", "object": {}}, {"type": "DELETED", "object": {"metadata": {"name": "a"}}}],
)  # fmt: skip
def test_what_is_no_event_is_malformed(object_: Mapping[str, Any]) -> None:
    with pytest.raises(Malformed, match="no event of pods"):
        event(PODS, object_)


def test_a_resource_is_where_its_group_and_namespace_put_it() -> None:
    assert PODS.path("") == "/api/v1/pods" and PODS.path("n") == "/api/v1/namespaces/n/pods"
    routes = PODS._replace(group="x.dev", version="v1beta1", name="routes")
    assert routes.path("n") == "/apis/x.dev/v1beta1/namespaces/n/routes"
