"""The probes' server, asked by clients that are odd, slow or gone."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ports import free_port
from support.waiting import PATIENCE, wait_until
from wherry.proxy.health import LARGEST, SPARE, HealthServer
from wherry.proxy.monitor import Monitor


@pytest.fixture
def port() -> Iterator[int]:
    server = HealthServer(Monitor(), "127.0.0.1", free_port())
    server.start()
    yield server.port
    server.stop()


def said(port: int, request: bytes) -> tuple[str, bytes]:
    """The head and the body of the answer; the request's connection is not closed before."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as link:
        link.sendall(request)
        data = b""
        while part := link.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return head.decode(), body


def test_head_is_answered_as_get_is_without_its_body(port: int) -> None:
    whole, body = said(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    head, nothing = said(port, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert whole.startswith("HTTP/1.1 200 OK\r\n") and "Connection: close" in whole and body == b"ok\n"
    assert "Content-Length: 3" in head and nothing == b""


def test_http_1_0_and_a_query_are_understood(port: int) -> None:
    assert said(port, b"GET /healthz?verbose HTTP/1.0\r\n\r\n")[1] == b"ok\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /healthz HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"GET /healthz\r\n\r\n", 400),
        (b"GET /healthz HTTP/2.0\r\n\r\n", 400),
        (b"\x16\x03\x01 \x00 \xff\r\n\r\n", 400),
        (b"GET /" + b"x" * (LARGEST - 5), 400),
        ((b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * LARGEST)[:LARGEST], 200),
        (b"GET /healthz HTTP/1.1\na: b\n\n", 200),
    ],
)
def test_what_is_no_request_for_it_is_answered_in_one_line(port: int, request_: bytes, status: int) -> None:
    head, body = said(port, request_)
    assert head.startswith(f"HTTP/1.1 {status} ") and body.count(b"\n") == 1


def test_a_head_may_come_in_pieces(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as link:
        for piece in (b"GET /heal", b"thz HTTP/1.1\r\n", b"\r", b"\n"):
            link.sendall(piece)
            time.sleep(0.01)
        assert link.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_clients_that_say_nothing_or_go_hinder_nobody(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    idle = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(20)]
    for link in idle[:10]:
        link.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        link.close()  # a reset
    assert said(port, b"GET /healthz HTTP/1.1\r\n\r\n")[1] == b"ok\n"
    for link in idle[10:]:
        link.close()
    assert capfd.readouterr().err == ""


def test_it_loads_neither_tls_nor_what_speaks_more_of_http() -> None:
    """Each process of a pod would hold megabytes of it, and begin a tenth of a second later."""
    script = "import sys, wherry.proxy.health; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"ssl", "http", "email", "prometheus_client", "urllib.request"} & set(done.stdout.split())


def test_it_sleeps_until_somebody_asks(port: int) -> None:
    assert said(port, b"GET /healthz HTTP/1.1\r\n\r\n")[1] == b"ok\n"
    wait_until(lambda: len(waiting()) == SPARE)
    time.sleep(0.2)  # until the last one is back
    before = waiting()
    time.sleep(1.2)  # longer than socketserver sleeps
    assert waiting() == before


def waiting() -> dict[int, int]:
    """How often each of its threads has gone to sleep."""
    found = {}
    for thread in threading.enumerate():
        if thread.name == "health" and thread.native_id is not None:
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                said = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
                found[thread.native_id] = int(said.split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return found


def test_many_clients_at_a_time_leave_no_more_threads_than_wait(port: int) -> None:
    idle = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(20)]
    wait_until(lambda: len(waiting()) > 20)
    for link in idle:
        link.close()
    wait_until(lambda: len(waiting()) == SPARE)
    assert said(port, b"GET /healthz HTTP/1.1\r\n\r\n")[1] == b"ok\n"
