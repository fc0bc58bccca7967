"""Which connections are kept, and for whom."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from proxy.nginx.conftest import Open, Pods
from support.pods import route
from support.proxy import ask
from wherry.proxy.nginx.upstreams import NOWHERE, upstreams

ADDRESSES = ("10.0.0.1:443", "10.0.0.2:443")
Certificate = Callable[[], ssl.SSLContext]


@pytest.mark.nginx
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "hosts", [("*.a.example",), ("x.a.example", "y.a.example"), ("*.a.example", "x.a.example")]
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_tls_connection_has_one_server_name(
    serve: Open,
    pods: Pods,
    certificate: Certificate,
    count: int,
    hosts: tuple[str, ...],
    version: ssl.TLSVersion,
) -> None:
    def context() -> ssl.SSLContext:
        made = certificate()
        made.minimum_version = made.maximum_version = version
        return made

    running = pods(count, context)
    to = tuple(pod.address for pod in running)
    door = serve(*(route(to, host, protocol="https") for host in hosts))
    for _ in range(3):
        for host in ("x.a.example", "y.a.example", "x.a.example:8443"):
            assert ask(door.port, host).status == 200, host


@pytest.mark.nginx
def test_a_tls_connection_is_kept_for_its_one_name(
    serve: Open, pods: Pods, certificate: Certificate
) -> None:
    (pod,) = pods(1, certificate)
    door = serve(route(pod.address, protocol="https"))
    for _ in range(10):
        assert ask(door.port, "a.example").status == 200
    assert pod.connections == 1


@pytest.mark.nginx
def test_connections_are_renewed_so_that_new_pods_get_their_share(serve: Open, pods: Pods) -> None:
    (pod,) = pods()
    door = serve(route(pod.address))
    with ThreadPoolExecutor(4) as clients:
        end = time.monotonic() + 6.5
        while time.monotonic() < end:
            list(clients.map(lambda _: ask(door.port, "a.example"), range(8)))
    before = pod.connections
    assert 5 <= before <= 40, "as many as clients, and as many again after five seconds; not one a request"


@pytest.mark.nginx
def test_thirty_two_clients_at_once_find_their_connections_kept(serve: Open, pods: Pods) -> None:
    (pod,) = pods()
    door = serve(route(pod.address))
    with ThreadPoolExecutor(32) as clients:
        for _ in range(3):
            answers = list(clients.map(lambda _: ask(door.port, "a.example", "/slow"), range(32)))
            assert {answer.status for answer in answers} == {200}
    assert pod.connections <= 40, "one a client, not a new one for every second request"


def test_each_host_of_a_tls_service_has_a_block_of_its_own_and_the_first_come_first() -> None:
    plain = route("10.0.0.9:80", "plain.example")
    tls = [route("10.0.0.1:443", f"h{n}.example", protocol="https") for n in range(4)]
    made = upstreams([plain, *tls], limit=2, keepalive=16, idle=3200)
    assert made.places[0].first == "0_pool"
    assert [place.first.count("_") > 0 for place in made.places[1:]] == [True, True, False, False]
    assert {place.again for place in made.places[1:]} == {"10.0.0.1:443"}


def test_no_more_blocks_than_asked_for_are_made_and_tries_again_have_theirs() -> None:
    many = [
        route(ADDRESSES[:1] + (f"10.0.1.{n}:80",), f"h{n}.example", spare="10.9.0.1:80") for n in range(9)
    ]
    made = upstreams(many, limit=6, keepalive=16, idle=3200)
    assert len(made.blocks) == 6 + 1
    assert [place.first == "0_pool" for place in made.places] == [False] * 3 + [True] * 6
    assert {place.again for place in made.places[3:]} == {"10.9.0.1:80"}, "the Service's own address"
    for place in made.places[:3]:
        assert place.first != place.again and "-again_" in place.again
    kept = {block.args[0]: "keepalive" in block.text for block in made.blocks}
    assert all(kept[name] == ("-again_" not in name) for name in kept)


def test_a_route_without_addresses_goes_nowhere() -> None:
    assert upstreams([route(())], limit=1, keepalive=16, idle=3200).places == (NOWHERE,)


def test_a_wildcard_with_tls_keeps_nothing() -> None:
    made = upstreams([route(ADDRESSES, "*.a.example", protocol="https")], limit=9, keepalive=16, idle=3200)
    (place,) = made.places
    assert place.fresh and place.first == place.again
    assert all("keepalive" not in block.text for block in made.blocks)
