"""Writing as a real API server understands it; the fake plays the same scenarios."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from cluster.apiserver import ApiServer
from cluster.objects import binding, role, user
from kube.writes import SCENARIOS, Play, applied, failure, service
from support.waiting import wait_until
from wherry.kube import faults
from wherry.kube.access import Finder
from wherry.kube.client import Client
from wherry.kube.faults import Failed
from wherry.kube.reflector import Policy
from wherry.kube.resource import Resource
from wherry.kube.writer import Writer

POLICY = Policy(first_pause=0.02, longest_pause=0.2, connect=5.0)
SERVICES: Resource[Any] = Resource("", "v1", "services", "Service", lambda object_: object_)
NAMESPACES: Resource[Any] = Resource(
    "", "v1", "namespaces", "Namespace", lambda object_: object_, namespaced=False
)


def writer(config: object, manager: str, resource: Resource[Any] = SERVICES) -> Writer:
    return Writer(Client(Finder(str(config)), POLICY), resource, POLICY, manager)


@pytest.fixture
def place(api: ApiServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace for this test alone; no Service outlives it there."""
    name = re.sub("[^a-z0-9]+", "-", f"w-{request.node.name.removeprefix('test_')}")[:60].strip("-")
    admin = writer(api.kubeconfig(), "test", NAMESPACES)
    assert admin.apply("", {"metadata": {"name": name}})["status"]["phase"] == "Active"
    yield name
    for left in api.items("Service", name):
        api.delete("Service", name, left["metadata"]["name"])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_contract(scenario: Callable[[Play], None], api: ApiServer, place: str) -> None:
    scenario(Play(writer(api.kubeconfig(), "mine"), writer(api.kubeconfig(), "other"), place))


@pytest.mark.parametrize(
    "write",
    [
        lambda w, place: w.create(place, service("x")),
        lambda w, place: w.apply(place, applied("x", a="1")),
        lambda w, place: w.merge(place, "there", {"metadata": {"annotations": {"a": "2"}}}),
        lambda w, place: w.merge(place, "there", {"status": {"conditions": None}}, subresource="status"),
        lambda w, place: w.read(place, "there"),
        lambda w, place: w.delete(place, "there"),
    ],
    ids=["create", "apply", "merge", "status", "read", "delete"],
)
def test_a_403_names_the_rule_that_is_missing_and_with_it_it_works(
    api: ApiServer, place: str, write: Callable[[Writer, str], object]
) -> None:
    writer(api.kubeconfig(), "test").create(place, service("there"))
    pair = api.authority.client(place, f"/CN={place}")
    config = api.write_kubeconfig(
        place, {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    )
    mine = writer(config, "mine")
    fault = failure(lambda: write(mine, place))
    assert fault.kind == faults.FORBIDDEN and fault.message.startswith(f"{place} may not "), fault
    rule = re.search(r"\{.*\}", fault.hint or "")
    assert rule, fault
    rights = role("Role", place, "write", [yaml.safe_load(rule[0])])
    api.create(rights)
    api.create(binding(rights, user(place)))

    def works() -> bool:
        try:
            write(mine, place)
        except Failed as failed:
            assert failed.fault.kind == faults.FORBIDDEN, failed.fault
            return False
        return True

    wait_until(works, "the right is known to the server")


def test_a_403_that_is_no_missing_right_is_not_told_as_one(api: ApiServer, place: str) -> None:
    """A namespace that ends; without controllers it does so for ever."""
    writer(api.kubeconfig(), "mine", NAMESPACES).delete("", place)
    fault = failure(lambda: writer(api.kubeconfig(), "mine").create(place, service("late")))
    assert fault.kind == faults.REFUSED and "being terminated" in fault.message and not fault.hint, fault


def test_what_the_server_does_not_take_is_refused_with_its_words(api: ApiServer, place: str) -> None:
    fault = failure(lambda: writer(api.kubeconfig(), "mine").create(place, service("not_a_name")))
    assert fault.kind == faults.REFUSED and "(422)" in fault.message and "not_a_name" in fault.message
