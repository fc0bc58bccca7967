"""Blocks that routes share: each request reaches its own route's address, and no other, ever."""

from __future__ import annotations

import gc
import socket
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from proxy.nginx.conftest import Open, Pods
from support.pods import Listener, route
from support.ports import free_port
from support.proxy import ask
from wherry.proxy.nginx.config import Directive
from wherry.proxy.nginx.pools import FULL, MOST_POOLS, chosen, keys, pools
from wherry.proxy.nginx.render import RenderOptions, render
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
    gone = f"127.0.0.1:{free_port()}"
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


LARGE = b"x" * 900_000


def request(line: str, *headers: str, host: str = "two.example", body: bytes = b"") -> bytes:
    """The last of its connection."""
    return "\r\n".join((line, f"Host: {host}", "Connection: close", *headers, "", "")).encode() + body


REQUESTS = {
    "HTTP/1.0": request("GET / HTTP/1.0"),
    "a whole URI": request("GET http://two.example/ HTTP/1.1", host="one.example"),
    "a port": request("GET / HTTP/1.1", host="two.example:8080"),
    "capitals": request("GET / HTTP/1.1", host="TWO.Example"),
    "the location's name": request("GET /p0 HTTP/1.1"),
    "a large body": request("POST / HTTP/1.1", f"Content-Length: {len(LARGE)}", body=LARGE),
    "a chunked body": request(
        "POST / HTTP/1.1",
        "Transfer-Encoding: chunked",
        body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(LARGE), LARGE),
    ),
    "100-continue": request("POST / HTTP/1.1", "Expect: 100-continue", "Content-Length: 1", body=b"x"),
    "websocket": request("GET / HTTP/1.1", "Upgrade: websocket", "Connection: upgrade"),
    "names of ours": request("GET /?wherry_key=0 HTTP/1.1", "wherry-key: 0", "wherry_key: "),
    "one after another": b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n" * 3 + request("GET / HTTP/1.1"),
}


@pytest.mark.nginx
@pytest.mark.parametrize("kind", REQUESTS)
def test_whatever_a_request_looks_like_it_reaches_its_own_address(
    serve: Open, pods: Pods, kind: str
) -> None:
    """nginx would go round the addresses of a block if a request brought no key."""
    started = pods(3)
    names = ("one.example", "two.example", "three.example")
    door = serve(*(route(pod.address, name) for pod, name in zip(started, names, strict=True)))
    for _ in range(4):
        answers = door.say(REQUESTS[kind])
        assert answers.count(b" 200 OK") == REQUESTS[kind].count(b"HTTP/1."), answers[:300]
        assert answers.rpartition(b" 200 OK")[2].count(started[1].name.encode()) == 1
    assert sum(started[1].delivered.values()) == 4 and not started[2].delivered


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 128, 129, 1000, 5000])
def test_each_key_chooses_its_own_number(count: int) -> None:
    assert [chosen(key, count) for key in keys(count)] == list(range(count))


def test_addresses_are_spread_and_stay_where_they_are() -> None:
    many = [f"10.0.{n // 250}.{n % 250 + 1}:80" for n in range(10_000)]
    found, blocks = pools(many, 32, 12_288)
    sizes = Counter(pooled.pool for pooled in found.values())
    assert len(blocks) == len(sizes) == MOST_POOLS and max(sizes.values()) < 2 * 10_000 / MOST_POOLS
    again, _ = pools(reversed(many[:-1]), 32, 12_288)
    moved = [each for each in again if again[each].pool != found[each].pool]
    assert moved == [], "one less changes only its own pool"
    assert sum(again[each] != found[each] for each in again) < max(sizes.values())


@pytest.mark.parametrize("idle", [1, 100, 700, 3200, 12_288])
def test_the_connections_of_all_pools_and_blocks_fit_into_a_worker(idle: int) -> None:
    plain = [route(f"10.1.{n // 250}.{n % 250 + 1}:80", f"p{n}.example") for n in range(10_000)]
    tls = [route(f"10.2.0.{n + 1}:443", f"t{n}.example", protocol="https") for n in range(200)]
    many = [route((f"10.3.0.{n + 1}:80", "10.3.1.1:80"), f"m{n}.example") for n in range(200)]
    for routes in (plain, tls, many, [*plain, *tls, *many], plain[:1], plain[:99]):
        made = upstreams(routes, limit=100, keepalive=32, idle=idle)
        assert sum(kept(made.blocks)) <= max(idle, 1)
        keeping = {block.text.split()[1] for block in made.blocks if kept([block])}
        for each, place in zip(routes, made.places, strict=True):
            assert place.first in keeping or place.fresh or each in tls
    assert sum(kept(made.blocks)) == max(1, min(99 * 32, idle))


def kept(blocks: Iterable[Directive]) -> list[int]:
    """What each block keeps."""
    lines = [line.strip() for block in blocks for line in block.text.splitlines()]
    return [int(line.split()[1].rstrip(";")) for line in lines if line.startswith("keepalive ")]


def test_without_blocks_there_are_no_pools() -> None:
    made = upstreams([route("10.0.0.1:80")], limit=0, keepalive=32, idle=3200)
    assert made.blocks == () and made.places[0].first == "10.0.0.1:80"


def test_names_are_looked_up_at_run_time_and_not_in_a_pool() -> None:
    made = upstreams(
        [route("db.example:80"), route("10.0.0.1:80", "b.example")], limit=100, keepalive=32, idle=3200
    )
    assert made.places[0].first == "db.example:80" and made.places[1].key


def test_what_was_rendered_before_is_forgotten() -> None:
    """Each change makes another pool: a thousand of them are nothing that a generator needs."""

    def change_and_count(times: range) -> int:
        for turn in times:
            routes[turn % 100] = route(f"10.1.{turn >> 8}.{turn & 255}:80", f"h{turn % 100}.example")
            render(routes, RenderOptions())
        return sum(isinstance(o, Directive) and o.name == "server" for o in gc.get_objects())

    routes = [route(f"10.0.0.{n}:80", f"h{n}.example") for n in range(100)]
    settled = change_and_count(range(200))
    assert change_and_count(range(200, 500)) == settled
