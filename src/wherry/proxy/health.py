"""``/healthz``, ``/readyz``, ``/serving`` and ``/metrics`` over HTTP, for probes and Prometheus."""

from __future__ import annotations

import errno
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from wherry.errors import ProxyError
from wherry.proxy.metrics import Metrics

if TYPE_CHECKING:
    from wherry.proxy.monitor import Monitor

PATIENCE = 10
"""Seconds that a client may take for its request."""
SOON = 3.0
"""Seconds that /serving waits for a first configuration: a probe that fails is a warning to somebody, and
that a pod has just begun is none."""


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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    monitor: Monitor
    metrics: Metrics


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Everywhere(_Server6):
    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, self.server.metrics.text(), "text/plain; version=0.0.4; charset=utf-8")
        elif path == "/healthz":
            self._state(self.server.monitor.unhealthy())
        elif path == "/readyz":
            self._state(self.server.monitor.unready())
        elif path == "/serving":
            self._state(self.server.monitor.not_serving(SOON))
        else:
            self._answer(404, b"there is /healthz, /readyz, /serving and /metrics\n")

    do_HEAD = do_GET  # noqa: N815  http.server asks for this name

    def _state(self, fault: str | None) -> None:
        self._answer(200 if fault is None else 503, f"{fault or 'ok'}\n".encode())

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: not worth a line."""
