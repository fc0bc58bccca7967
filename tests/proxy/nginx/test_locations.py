"""What nginx does with requests: tries, what the pod is told, and when answers go out."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from proxy.nginx.conftest import Open, Pods
from support.pods import Door, route
from support.ports import free_port
from support.proxy import Answer, ask
from support.waiting import PATIENCE

pytestmark = pytest.mark.nginx


def warmed(door: Door, connections: int = 16) -> None:
    """nginx keeps that many connections, as far as it keeps any."""
    with ThreadPoolExecutor(connections) as clients:
        list(clients.map(lambda _: ask(door.port, "a.example", "/slow"), range(connections)))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", "PROPFIND"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_request_that_pods_drop_is_delivered_three_times_at_most(
    serve: Open, pods: Pods, count: int, method: str
) -> None:
    """However many connections are kept; and once only where twice could do harm."""
    running = pods(count)
    door = serve(route(tuple(p.address for p in running)))
    warmed(door)
    body = b"x" if method in ("PUT", "POST", "PATCH") else None
    assert ask(door.port, "a.example", "/drop", method=method, body=body).status == 502
    delivered = sum((p.delivered for p in running), Counter())[f"{method} /drop"]
    assert 1 <= delivered <= (3 if method in ("GET", "HEAD", "PUT", "DELETE") else 1)


def test_no_client_takes_the_pods_away_from_the_others(serve: Open, pods: Pods) -> None:
    running = pods(3)
    door = serve(route(tuple(p.address for p in running)))
    for _ in range(4):
        ask(door.port, "a.example", "/drop")
    assert {ask(door.port, "a.example").status for _ in range(30)} == {200}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("gone", [1, 2])
def test_pods_that_are_gone_cost_no_request_while_there_is_one(
    serve: Open, pods: Pods, gone: int, method: str
) -> None:
    """Until somebody says so they are asked first, one time in three, and nothing was sent to them."""
    running = pods(3)
    door = serve(route(tuple(p.address for p in running), connect_timeout=300))
    for pod in running[:gone]:
        pod.close()
    sent = [ask(door.port, "a.example", "/x", method=method, body=b"1" * 70_000) for _ in range(30)]
    assert [answer.status for answer in sent] == [200] * 30
    assert {len(answer.json()["body"]) for answer in sent} == {70_000}, "all of the body comes again"


def test_a_kept_connection_that_the_pod_has_ended_costs_no_request(serve: Open, pods: Pods) -> None:
    (pod,) = pods()
    door = serve(route(pod.address))
    for _ in range(5):
        warmed(door, 4)
        assert ask(door.port, "a.example", "/drop").status == 502
        assert ask(door.port, "a.example").status == 200


def test_an_address_that_leads_nowhere_is_tried_again_on_a_new_connection(serve: Open) -> None:
    """As a ClusterIP that kube-proxy does not know yet: a connection that was begun before stays lost."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = f"127.0.0.1:{full.getsockname()[1]}"
        fillers: list[socket.socket] = []
        with contextlib.suppress(TimeoutError):  # nobody accepts: what comes after these is dropped
            while True:
                fillers.append(socket.socket())
                fillers[-1].settimeout(0.3)
                fillers[-1].connect(full.getsockname())
        door = serve(route(address, connect_timeout=200))
        assert ask(door.port, "a.example", method="POST", body=b"1").status == 504
        for filler in fillers:
            filler.close()
    (line,) = door.log()
    assert (line["upstream"], line["upstream_status"]) == (f"{address} : {address}", "504 : 504")


def test_a_pod_that_took_the_request_and_is_silent_is_not_asked_again(serve: Open, pods: Pods) -> None:
    running = pods(2)
    door = serve(route(tuple(p.address for p in running), read_timeout=100))
    assert ask(door.port, "a.example", "/slow").status == 504
    assert sum((p.delivered for p in running), Counter())["GET /slow"] == 1


def test_no_pod_at_all_is_said_at_once(serve: Open) -> None:
    door = serve(route((f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")))
    assert ask(door.port, "a.example").status == 502
    door = serve(route(f"127.0.0.1:{free_port()}"))
    assert ask(door.port, "a.example", method="POST", body=b"1").status == 502


MEGABYTE = 1 << 20


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_a_large_body_goes_to_the_pod_as_it_comes_and_into_no_file(
    serve: Open, count: int, chunked: bool
) -> None:
    """A file would fill the pod's disk, and a pod whose disk is full is evicted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        addresses = tuple(f"127.0.0.{n}:{port}" for n in range(1, count + 1))
        others = [socket.create_server((f"127.0.0.{n}", port)) for n in range(2, count + 1)]
        door = serve(route(addresses, body_size=2 * MEGABYTE))
        with socket.create_connection(("127.0.0.1", door.port)) as client:
            how = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {MEGABYTE}"
            client.sendall(f"POST / HTTP/1.1\r\nHost: a.example\r\n{how}\r\n\r\n".encode())
            client.sendall(b"7\r\nfirst..\r\n" if chunked else b"first..")
            (ready, *_), _, _ = select.select([listener, *others], [], [], PATIENCE)
            link, _ = ready.accept()
            with link:
                link.settimeout(PATIENCE)
                said = b""
                while b"first.." not in said:
                    said += link.recv(4096)
                assert door.files() == []
        for other in others:
            other.close()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("limit", [MEGABYTE, MEGABYTE + 1])
def test_a_body_beyond_the_limit_is_413_however_it_comes(serve: Open, limit: int, chunked: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as pod:  # it takes what comes, and says nothing
        door = serve(route(f"127.0.0.1:{pod.getsockname()[1]}", body_size=limit))
        with socket.create_connection(("127.0.0.1", door.port), PATIENCE) as client:
            how = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {2 * MEGABYTE}"
            client.sendall(f"POST / HTTP/1.1\r\nHost: a.example\r\n{how}\r\n\r\n".encode())
            with contextlib.suppress(OSError):  # it may hang up before it has all
                for _ in range(32):
                    client.sendall((b"10000\r\n" if chunked else b"") + b"x" * 65536 + b"\r\n" * chunked)
            assert b" 413 " in client.recv(4096).partition(b"\r\n")[0]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_large_body_is_delivered_once_and_not_to_pods_that_are_gone(
    serve: Open, pods: Pods, method: str
) -> None:
    running = pods(3)
    door = serve(route(tuple(p.address for p in running), body_size=2 * MEGABYTE))
    body = b"1" * MEGABYTE
    running[0].close()
    sent = [ask(door.port, "a.example", "/x", method=method, body=body) for _ in range(6)]
    assert {answer.status for answer in sent} == {200}
    assert {len(answer.json()["body"]) for answer in sent} == {MEGABYTE}
    assert ask(door.port, "a.example", "/drop", method=method, body=body).status == 502
    assert sum((p.delivered for p in running), Counter())[f"{method} /drop"] <= 1


@pytest.mark.parametrize("chunk", [0, 1, MEGABYTE], ids=["length", "small chunks", "one chunk"])
def test_a_body_that_is_not_large_waits_in_no_file(serve: Open, pods: Pods, chunk: int) -> None:
    """And comes to the pod with a length, which not every program does without."""
    (pod,) = pods()
    door = serve(route(pod.address))
    how = "Transfer-Encoding: chunked" if chunk else f"Content-Length: {MEGABYTE}"
    whole = MEGABYTE // (chunk or 1) * (b"%x\r\n%s\r\n" % (chunk, b"x" * chunk)) + b"0\r\n\r\n"
    body = whole if chunk else b"x" * MEGABYTE
    with socket.create_connection(("127.0.0.1", door.port), PATIENCE) as client:
        client.sendall(f"POST / HTTP/1.1\r\nHost: a.example\r\n{how}\r\n\r\n".encode())
        client.sendall(body[:-1])
        assert ask(door.port, "a.example").status == 200, "time passes"
        assert door.files() == [] and pod.delivered["POST /"] == 0
        client.sendall(body[-1:])
        assert b" 200 " in client.recv(4096).partition(b"\r\n")[0]
    assert pod.delivered["POST /"] == 1


def test_a_large_body_to_nobody_is_answered_as_a_small_one(serve: Open) -> None:
    large = {"body_size": MEGABYTE * 2}
    door = serve(route((), **large), route(f"127.0.0.1:{free_port()}", host="b.example", **large))
    for body in (b"1", b"1" * MEGABYTE):
        for host, status in (("a.example", 503), ("b.example", 502), ("c.example", 404)):
            assert ask(door.port, host, method="POST", body=body).status == status


def told(answer: Answer) -> dict[str, str]:
    headers: dict[str, str] = answer.json()["headers"]
    return headers


@pytest.mark.parametrize(
    ("host", "said", "port", "proto"),
    [
        ("a.example", {}, "80", "http"),
        ("a.example:8080", {}, "8080", "http"),
        ("a.example:0", {}, "80", "http"),
        ("a.example", {"X_Forwarded_Proto": "https"}, "443", "https"),
        ("a.example", {"X_Forwarded_Proto": "https,http"}, "443", "https"),
        ("a.example", {"X_Forwarded_Proto": "https , http"}, "443", "https"),
        ("a.example", {"X_Forwarded_Proto": "http,https"}, "80", "http"),
        ("a.example", {"X_Forwarded_Proto": "HTTPS"}, "443", "https"),
        ("a.example", {"X_Forwarded_Proto": "httpsx"}, "80", "http"),
        ("a.example", {"X_Forwarded_Proto": "wss"}, "443", "https"),
        ("a.example", {"X_Forwarded_Proto": "WSS, http"}, "443", "https"),
        ("a.example", {"X_Forwarded_Proto": "ws,https"}, "80", "http"),
        ("a.example", {"X_Forwarded_Port": "8443, 80"}, "8443", "http"),
        ("a.example:81", {"X_Forwarded_Port": "8443", "X_Forwarded_Proto": "https"}, "8443", "https"),
        ("a.example", {"X_Forwarded_Port": "x"}, "80", "http"),
        ("a.example", {"X_Forwarded_Port": "123456"}, "80", "http"),
    ],
)
def test_the_pod_is_told_what_the_client_used(
    serve: Open, pods: Pods, host: str, said: dict[str, str], port: str, proto: str
) -> None:
    (pod,) = pods()
    believing = serve(route(pod.address), trusted=("127.0.0.0/8",))
    found = told(ask(believing.port, host, **said))
    assert (found["x-forwarded-port"], found["x-forwarded-proto"]) == (port, proto)
    strict = told(ask(serve(route(pod.address)).port, host, **said))
    assert strict["x-forwarded-port"] == ({"a.example:8080": "8080", "a.example:81": "81"}.get(host, "80"))
    assert strict["x-forwarded-proto"] == "http", "a stranger is believed nothing"


@pytest.mark.parametrize(
    ("uri", "host", "authority", "port"),
    [
        ("http://a.example/x?y", "b.example", "a.example", "80"),
        ("http://a.example/x?y", "b.example:99", "a.example", "80"),
        ("http://A.Example:8080/x?y", "b.example", "a.example:8080", "8080"),
        ("https://a.example:8080/x?y", "b.example:1", "a.example:8080", "8080"),
        ("HTTP://a.example/x?y", "b.example:1", "a.example", "80"),
        ("/x?y", "a.example:8080", "a.example:8080", "8080"),
    ],
)
def test_a_whole_uri_in_the_request_line_counts_and_the_header_does_not(
    serve: Open, pods: Pods, uri: str, host: str, authority: str, port: str
) -> None:
    """RFC 9112, 3.2.2."""
    one, two = pods(2)
    door = serve(route(one.address), route(two.address, "b.example"))
    said = door.say(f"GET {uri} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    found = json.loads(said.partition(b"\r\n\r\n")[2])
    assert (found["name"], found["path"]) == ("pod0", "/x?y")
    headers = found["headers"]
    assert (headers["host"], headers["x-forwarded-host"]) == (authority, authority)
    assert headers["x-forwarded-port"] == port


@pytest.mark.parametrize("length", ["Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n", ""])
@pytest.mark.parametrize("buffering", [False, True])
def test_an_answer_goes_out_as_it_comes(serve: Open, length: str, buffering: bool) -> None:
    """Server-sent events, and a slow body of known length; with buffering it may wait for its end."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE)
    door = serve(route(f"127.0.0.1:{listener.getsockname()[1]}", buffering=buffering))
    chunked = "chunked" in length
    first, rest = (b"5\r\nfirst\r\n", b"5\r\nother\r\n0\r\n\r\n") if chunked else (b"first", b"other")
    with socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        pod, _ = listener.accept()
        with pod:
            pod.recv(4096)
            pod.sendall(
                f"HTTP/1.1 200 OK\r\n{length}Content-Type: text/event-stream\r\n\r\n".encode() + first
            )
            said = b""
            client.settimeout(0.7 if buffering else PATIENCE)
            try:
                while b"first" not in said:
                    said += client.recv(4096)
            except TimeoutError:
                assert buffering
            pod.sendall(rest)
        client.settimeout(PATIENCE)
        while b"other" not in said:
            part = client.recv(4096)
            assert part
            said += part
    listener.close()


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        (b"plain", "plain"),
        ("gr\u00fc\u00dfe \u2603 \U0001f6f6".encode(), "gr\u00fc\u00dfe \u2603 \U0001f6f6"),
        (b"a\xffb", "a?"),
        (b"\xc3\xbc\xc3", "\u00fc?"),
        (b"a\xc0\xaf", "a?"),
        (b"a\xed\xa0\x80", "a?"),
        (b"a\xf4\x90\x80\x80", "a?"),
        (b"a\xe2\x82", "a?"),
        (b'"\\\x01', '"\\\x01'),
        (b"\x7f\x80", "\x7f?"),
    ],
)
def test_a_line_of_the_log_is_json_in_utf_8_whatever_a_client_says(
    serve: Open, pods: Pods, said: bytes, logged: str
) -> None:
    (pod,) = pods()
    door = serve(route(pod.address))
    uri = b"/" + said.replace(b" ", b"").replace(b"\x7f", b"").replace(b"\x01", b"")
    lines = (b"GET " + uri + b" HTTP/1.1", b"Host: a.example", b"Connection: close")
    headers = (b"User-Agent: " + said.replace(b"\x01", b""), b"Referer: " + said.replace(b"\x01", b""))
    assert b" 200 " in door.say(b"\r\n".join((*lines, *headers)) + b"\r\n\r\n")
    (line,) = door.log()
    expected = logged.replace("\x01", "")
    assert (line["agent"], line["referer"]) == (expected, expected)
    assert line["uri"] == "/" + expected.replace(" ", "").replace("\x7f", "")


def test_a_host_that_is_no_utf_8_is_logged_all_the_same(serve: Open) -> None:
    """nginx 1.22 takes it, 1.30 refuses it."""
    door = serve(route(()))
    door.say(b"GET /x HTTP/1.1\r\nHost: a\xff.example\r\nConnection: close\r\n\r\n")
    (line,) = door.log()
    assert line.get("host") == "a?" or (line["status"], line["request"]) == (400, "GET /x HTTP/1.1")


@pytest.mark.parametrize(
    ("said", "request_"),
    [
        (b"GET /x HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1"),
        (b"GET /x\xc3\xbc\xff HTTP/1.1\r\n\r\n", "GET /x\u00fc"),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /x HTTP/1.1"),
        (b"\x16\x03\x01\xff\r\n\r\n", "\x16\x03\x01"),
    ],
)
def test_a_request_that_is_refused_at_once_is_logged_once(serve: Open, said: bytes, request_: str) -> None:
    door = serve(route(()))
    door.say(said)
    (line,) = door.log()
    assert (line["status"], line["route"], line["request"]) == (400, "", request_)
