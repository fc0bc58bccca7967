"""Blocks that routes share: each request reaches its own route's address, and no other, ever."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from proxy.nginx.conftest import Open, Pods
from support.pods import Listener, route
from support.proxy import ask
from wherry.proxy.nginx.pools import FULL, LEAST_KEPT, MOST_POOLS, chosen, keys, pools
from wherry.proxy.nginx.upstreams import upstreams


class Everywhere(Listener):
    """An HTTP/1.1 server on every address of 127.0.0.0/8, which answers with the one that was asked."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        super().__init__("0.0.0.0")

    def serve(self, link: socket.socket) -> None:
        address = link.getsockname()[0]
        self.asked[address] += 1
        with link:
            data = b""
            while piece := link.recv(65536):
                data += piece
                while b"\r\n\r\n" in data:
                    _, _, data = data.partition(b"\r\n\r\n")
                    body = address.encode()
                    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@pytest.fixture
def everywhere() -> Iterator[Everywhere]:
    server = Everywhere()
    yield server
    server.close()


def address(number: int) -> str:
    return f"127.9.{number // 250}.{number % 250 + 1}"


@pytest.mark.nginx
@pytest.mark.parametrize("count", [1, 2, 3, FULL, FULL + 1, 700])
def test_every_route_reaches_its_own_address(serve: Open, everywhere: Everywhere, count: int) -> None:
    routes = [route(f"{address(n)}:{everywhere.port}", f"h{n}.example") for n in range(count)]
    door = serve(*routes)
    for _ in range(2):
        for number in range(count):
            answer = ask(door.port, f"h{number}.example")
            assert (answer.status, answer.body) == (200, address(number))
    assert max(everywhere.asked.values()) == 1, "the second request came on the connection of the first"


@pytest.mark.nginx
def test_a_request_that_fails_is_tried_at_its_own_address_and_nowhere_else(serve: Open, pods: Pods) -> None:
    one, other = pods(2)
    gone = f"127.0.0.1:{unused()}"
    door = serve(
        route(one.address, "one.example"), route(other.address, "two.example"), route(gone, "gone.example")
    )
    for _ in range(4):
        assert ask(door.port, "gone.example").status == 502
        assert ask(door.port, "one.example", "/drop").status == 502
        assert ask(door.port, "two.example").body.startswith(f'{{"name": "{other.name}"')
    assert other.delivered["GET /drop"] == 0 and one.delivered["GET /"] == 0
    assert one.delivered["GET /drop"] == 4 * 2, "once, and once again on a new connection"


@pytest.mark.nginx
def test_a_kept_connection_that_its_pod_has_closed_costs_nobody_a_request(serve: Open, pods: Pods) -> None:
    one, other = pods(2)
    door = serve(route(one.address, "one.example"), route(other.address, "two.example"))
    for _ in range(6):
        assert ask(door.port, "one.example").status == 200
        assert ask(door.port, "two.example", "/drop").status == 502
        assert ask(door.port, "two.example").body.startswith(f'{{"name": "{other.name}"')


def unused() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 128, 129, 1000, 5000])
def test_each_key_chooses_its_own_number(count: int) -> None:
    assert [chosen(key, count) for key in keys(count)] == list(range(count))


def test_addresses_are_spread_and_stay_where_they_are() -> None:
    many = [f"10.0.{n // 250}.{n % 250 + 1}:80" for n in range(10_000)]
    found, blocks = pools(many, 32, 3200)
    sizes = Counter(pooled.pool for pooled in found.values())
    assert len(blocks) == len(sizes) == MOST_POOLS and max(sizes.values()) < 2 * 10_000 / MOST_POOLS
    again, _ = pools(reversed(many[:-1]), 32, 3200)
    moved = [each for each in again if again[each].pool != found[each].pool]
    assert moved == [], "one less changes only its own pool"
    assert sum(again[each] != found[each] for each in again) < max(sizes.values())


def test_the_connections_of_all_pools_and_blocks_fit_into_a_worker() -> None:
    plain = [route(f"10.1.{n // 250}.{n % 250 + 1}:80", f"p{n}.example") for n in range(10_000)]
    tls = [route(f"10.2.0.{n + 1}:443", f"t{n}.example", protocol="https") for n in range(200)]
    for routes in (plain, tls, [*plain, *tls], plain[:1], plain[:99]):
        made = upstreams(routes, limit=100, keepalive=32, idle=3200)
        kept = [
            int(line.split()[1].rstrip(";"))
            for block in made.blocks
            for line in block.text.splitlines()
            if line.strip().startswith("keepalive ")
        ]
        assert sum(kept) <= 3200 + MOST_POOLS * LEAST_KEPT
    assert kept == [99 * 32]


def test_without_blocks_there_are_no_pools() -> None:
    made = upstreams([route("10.0.0.1:80")], limit=0, keepalive=32, idle=3200)
    assert made.blocks == () and made.places[0].first == "10.0.0.1:80"


def test_names_are_looked_up_at_run_time_and_not_in_a_pool() -> None:
    made = upstreams(
        [route("db.example:80"), route("10.0.0.1:80", "b.example")], limit=100, keepalive=32, idle=3200
    )
    assert made.places[0].first == "db.example:80" and made.places[1].key
