"""``/healthz``, ``/readyz``, ``/serving`` and ``/metrics`` over HTTP, for probes and Prometheus.

HTTP/1 in its simplest form, one request a connection: `http.server` would load TLS and mail for it, 6 MB
in each container of a pod.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

from wherry.errors import ProxyError
from wherry.proxy.exposition import TYPE
from wherry.proxy.metrics import Metrics

if TYPE_CHECKING:
    from wherry.proxy.monitor import Monitor

PATIENCE = 10
"""Seconds that a client may take for its request."""
LONGEST_LINE, MOST_LINES = 8192, 100
"""Bytes of a request's line, and lines of its head."""
SOON = 3.0
"""Seconds that /serving waits for a first configuration: a probe that fails is a warning to somebody, and
that a pod has just begun is none."""
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class HealthServer:
    """Serves one monitor on ``address:port`` in a thread of its own; "" is every address there is."""

    def __init__(self, monitor: Monitor, address: str, port: int) -> None:
        try:
            self._server = _server(address, port)
        except OSError as error:
            raise ProxyError(
                f"cannot serve metrics on {f'[{address}]' if ':' in address else address or '*'}:{port}: "
                f"{error.strerror}",
                hint="choose another address with --metrics ADDRESS:PORT",
            ) from None
        self._server.monitor = monitor
        self._server.metrics = Metrics(monitor)
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _server(address: str, port: int) -> _Server:
    if address:
        return (_Server6 if ":" in address else _Server)((address, port), _Handler)
    try:
        return _Everywhere(("::", port), _Handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        return _Server(("0.0.0.0", port), _Handler)  # noqa: S104  no IPv6 here, and every address is meant


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    monitor: Monitor
    metrics: Metrics


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Everywhere(_Server6):
    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(StreamRequestHandler):
    server: _Server
    timeout = PATIENCE

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # who asked has gone, or says nothing
            words = self._request()
            if not words:
                return
            status, body, kind = self._answer(words)
            self._send(status, body, kind, whole=words[0] != b"HEAD")

    def _request(self) -> list[bytes]:
        """The words of the request's line; none where nobody asked.  The rest of its head is read past."""
        words = self.rfile.readline(LONGEST_LINE).split()
        for _ in range(MOST_LINES):
            if not self.rfile.readline(LONGEST_LINE).strip():
                break
        return words

    def _answer(self, words: list[bytes]) -> tuple[int, bytes, str]:
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _said(400, "this is no request of HTTP/1")
        if words[0] not in (b"GET", b"HEAD"):
            return _said(405, "there is GET and HEAD")
        path, monitor = words[1].partition(b"?")[0], self.server.monitor
        if path == b"/metrics":
            return 200, self.server.metrics.text(), TYPE
        if path == b"/healthz":
            return _state(monitor.unhealthy())
        if path == b"/readyz":
            return _state(monitor.unready())
        if path == b"/serving":
            return _state(monitor.not_serving(SOON))
        return _said(404, "there is /healthz, /readyz, /serving and /metrics")

    def _send(self, status: int, body: bytes, kind: str, *, whole: bool) -> None:
        head = (
            f"HTTP/1.1 {status} {REASONS.get(status, 'Service Unavailable')}\r\n"
            f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        )
        allow = "Allow: GET, HEAD\r\n" if status == 405 else ""
        self.wfile.write(f"{head}{allow}\r\n".encode() + (body if whole else b""))


def _state(fault: str | None) -> tuple[int, bytes, str]:
    return _said(200 if fault is None else 503, fault or "ok")


def _said(status: int, line: str) -> tuple[int, bytes, str]:
    return status, f"{line}\n".encode(), "text/plain; charset=utf-8"
