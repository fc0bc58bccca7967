"""Addresses that kube-proxy may not know yet, and the routes of Services that have one."""

from __future__ import annotations

from typing import Any

from support.services import endpoint, service, slice_of, snapshot
from wherry.proxy.graph.options import Options
from wherry.proxy.routes import Router
from wherry.proxy.settling import Settling

WHOLE, POD = ("10.0.0.1:80",), ("10.1.0.1:8080",)


def test_an_address_is_new_for_so_long_and_what_was_there_first_never_is() -> None:
    settling = Settling(10)
    assert settling.new(["a"], 100) == set() and settling.due() is None
    assert settling.new(["a", "b"], 101) == {"b"} and settling.due() == 111
    assert settling.new(["a", "b", "c"], 105) == {"b", "c"} and settling.due() == 115
    assert settling.new(["a", "b", "c"], 112) == {"c"} and settling.due() == 115
    assert settling.new(["a", "b", "c"], 115) == set() and settling.due() is None


def test_an_address_that_was_gone_is_new_again() -> None:
    settling = Settling(10)
    settling.new(["a"], 100)
    assert settling.new([], 101) == set()
    assert settling.new(["a"], 102) == {"a"}


def test_nothing_is_ever_new_where_nobody_has_to_learn_it() -> None:
    settling = Settling(0)
    settling.new([], 100)
    assert settling.new(["a"], 101) == set() and settling.due() is None


class Cluster:
    """A router of one cluster, in which nothing is at first."""

    def __init__(self, **options: Any) -> None:
        self._router = Router(Options(slices=True, settle=10, **options))
        self.addresses(0.0)

    def addresses(self, now: float, *objects: dict[str, Any]) -> list[tuple[str, ...]]:
        return [route.addresses for route in self._router.build(snapshot(*objects), now).routes]

    def due(self) -> float | None:
        return self._router.due()


def test_requests_to_a_new_service_go_to_its_pods_until_its_address_is_known() -> None:
    cluster, pods = Cluster(), slice_of("web", endpoint(POD[0].partition(":")[0]))
    assert cluster.addresses(1, service()) == [()]
    assert cluster.addresses(2, service(), pods) == [POD]
    assert cluster.addresses(11.9, service(), pods) == [POD] and cluster.due() == 12
    assert cluster.addresses(12, service(), pods) == [WHOLE] and cluster.due() is None


def test_pods_that_come_and_go_behind_a_known_address_change_nothing() -> None:
    cluster = Cluster()
    for now, pods in ((1, ["10.1.0.1"]), (12, ["10.1.0.1", "10.1.0.2"]), (13, ["10.1.0.2"])):
        found = cluster.addresses(now, service(), slice_of("web", *map(endpoint, pods)))
    assert found == [WHOLE]


def test_a_service_whose_only_pod_comes_back_is_new_again() -> None:
    cluster = Cluster()
    ready, unready = (slice_of("web", endpoint("10.1.0.1", ready=ready)) for ready in (True, False))
    for now in (1, 20):
        cluster.addresses(now, service(), ready)
    assert cluster.addresses(21, service(), unready) == [()]
    assert cluster.addresses(22, service(), ready) == [POD]


def test_a_port_that_is_new_is_not_known_either() -> None:
    cluster, pods = Cluster(), slice_of("web", endpoint("10.1.0.1"))
    for now in (1, 20):
        cluster.addresses(now, service(), pods)
    other = service(ports=[{"port": 81, "protocol": "TCP"}])
    assert cluster.addresses(21, other, pods) == [POD]


def test_a_service_made_again_under_another_address_is_new() -> None:
    cluster, pods = Cluster(), slice_of("web", endpoint("10.1.0.1"))
    for now in (1, 20):
        cluster.addresses(now, service(), pods)
    assert cluster.addresses(21, service(clusterIP="10.0.0.9"), pods) == [POD]


def test_with_endpoints_there_is_nothing_to_wait_for() -> None:
    cluster = Cluster(endpoints=True)
    assert cluster.addresses(1, service(), slice_of("web", endpoint("10.1.0.1"))) == [POD]
    assert cluster.due() is None


def test_what_was_there_at_the_start_is_known() -> None:
    router = Router(Options(slices=True, settle=10))
    (route,) = router.build(snapshot(service(), slice_of("web", endpoint("10.1.0.1"))), 5).routes
    assert route.addresses == WHOLE and router.due() is None
