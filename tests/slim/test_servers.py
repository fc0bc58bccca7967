"""Servers, fat and slim, and the image of the nginx pod: `make test-slim`.  As in test_programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.checkout import ROOT
from support.machine import require
from support.podimages import BASE, of_the_machine
from support.ports import fetch, free_port
from support.slimmed import debian_with, program, slimmed
from support.wherry import Wherry

pytestmark = [pytest.mark.programs, pytest.mark.mounts, pytest.mark.runtime, pytest.mark.network]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wherry]:
    packages = (
        "redis-server",
        "redis-tools",
        "memcached",
        "haproxy",
        "postgresql",
        "tzdata",
        "ca-certificates",
    )
    with debian_with(tmp_path_factory, *packages) as wherry:
        yield wherry


def test_go_from_fat_to_the_program_alone(debian: Wherry, tmp_path: Path) -> None:
    go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    require(go is not None, "needs go")
    port = free_port()
    context = program("go", tmp_path, port=port)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    subprocess.run([str(go), "build", "-o", "httpd", "main.go"], cwd=context, env=environment, check=True)
    one = slimmed(debian, context, "--probe", f"http://127.0.0.1:{port}/")
    debian("run", "-d", "--rm", one.name)
    assert fetch(f"http://127.0.0.1:{port}/") == "hello"
    assert one.size < (context / "httpd").stat().st_size + 10_000, "the program, and a few settings"


def test_redis_memcached_and_haproxy(debian: Wherry, tmp_path: Path) -> None:
    ports = [free_port() for _ in range(3)]
    asked = [f"redis-cli -p {ports[0]} set name wherry", f"redis-cli -p {ports[0]} get name"]
    redis = slimmed(
        debian,
        program("redis", tmp_path, port=ports[0]),
        *(word for each in asked for word in ("--exec", each)),
    )
    memcached = slimmed(debian, program("memcached", tmp_path, port=ports[1]))
    haproxy = slimmed(
        debian, program("haproxy", tmp_path, port=ports[2]), "--probe", f"http://127.0.0.1:{ports[2]}/"
    )
    for one in (redis, memcached, haproxy):
        debian("run", "-d", "--rm", one.name)
    assert fetch(f"http://127.0.0.1:{ports[2]}/") == "hello"
    assert said(ports[0], b"SET a b\r\nGET a\r\n", b"b\r\n").startswith(b"+OK\r\n$1\r\nb")
    stored = said(ports[1], b"set a 0 0 1\r\nb\r\nget a\r\n", b"END\r\n")
    assert stored == b"STORED\r\nVALUE a 0 1\r\nb\r\nEND\r\n"
    assert max(redis.size, memcached.size, haproxy.size) < 20_000_000


def said(port: int, text: bytes, end: bytes) -> bytes:
    """What a server answers, up to `end`."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text)
        answer = b""
        while not answer.endswith(end):
            piece = connection.recv(4096)
            assert piece, answer
            answer += piece
    return answer


def test_postgres_made_anew_answers_sql(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    query = f"psql -h 127.0.0.1 -p {port} -U postgres -tAc"
    one = slimmed(
        debian, program("postgres", tmp_path, port=port),
        "--exec", f"{query} 'select 6 * 7, now() is not null'",
        "--drop", "/usr/lib/postgresql/15/lib/llvmjit*",
    )  # fmt: skip
    container = debian("run", "-d", "--rm", one.name)
    again = f"until {query} 'select 1' >/dev/null 2>&1; do sleep 0.1; done; {query} 'select version()'"
    assert "PostgreSQL 15" in debian("run", "--rm", "debian", "timeout", "60", "sh", "-c", again)
    debian("rm", "-f", container)
    assert one.size < 160_000_000


def test_the_image_of_the_nginx_pod_follows_services(debian: Wherry, tmp_path: Path) -> None:
    """It has hardly more than it needs before: modules without sources, no shell, no folder to write to."""
    debian("bootstrap", BASE, "--suite", "trixie", "--include", "ca-certificates", timeout=600)
    pod = ("build", "-q", "-f", "deploy/nginx/Dockerfile", *of_the_machine(), "-t", "pod", ".")
    debian(*pod, cwd=ROOT, timeout=600)
    (tmp_path / "writable").mkdir()
    (tmp_path / "writable").chmod(0o1777)
    volume = ("-v", f"{tmp_path}/writable:/tmp")
    port = free_port()
    with backend() as behind:
        context = program("pod", tmp_path, port=port, backend=behind)
        one = slimmed(debian, context, *volume, "--probe", f"http://localhost:{port}/")
        debian("run", "-d", "--rm", *volume, one.name)
        assert fetch(f"http://localhost:{port}/", within=30) == "from behind"
    assert one.size < one.before


@contextmanager
def backend() -> Iterator[int]:
    """A server on loopback, and its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b"from behind")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
