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

from wherry.errors import ProxyError
from wherry.proxy.exposition import TYPE
from wherry.proxy.metrics import Metrics
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.proxy.monitor import Monitor

PATIENCE = 10
"""Seconds that a client may take for its request."""
LARGEST = 16384
"""Bytes of a request's head."""
SOON = 3.0
"""Seconds that /serving waits for a first configuration: a probe that fails is a warning to somebody, and
that a pod has just begun is none."""
SPARE = 2
"""Threads that wait for clients: to begin one for each probe would be most of what an idle pod does."""
BACKLOG = 128
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class HealthServer:
    """Serves one monitor on ``address:port``; "" is every address there is.

    Each client has a thread, so that one that says nothing hinders nobody; nothing wakes without a client.
    """

    def __init__(self, monitor: Monitor, address: str, port: int) -> None:
        try:
            self._socket = _listening(address, port)
        except OSError as error:
            raise ProxyError(
                f"cannot serve metrics on {f'[{address}]' if ':' in address else address or '*'}:{port}: "
                f"{error.strerror}",
                hint="choose another address with --metrics ADDRESS:PORT",
            ) from None
        self._monitor = monitor
        self._metrics = Metrics(monitor)
        self._stopped = False
        self._lock = threading.Lock()  # guards what stands below
        self._waiting = 0

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        with self._lock:
            for _ in range(SPARE):
                self._begin()

    def stop(self) -> None:
        self._stopped = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # whoever waits in accept() returns from it
        self._socket.close()

    def _begin(self) -> None:
        with contextlib.suppress(RuntimeError):  # no more may be: whoever calls waits again, later
            threading.Thread(target=self._run, name="health", daemon=True).start()
            self._waiting += 1

    def _run(self) -> None:
        while True:
            try:
                link = self._socket.accept()[0]
            except OSError:
                if self._stopped:
                    return
                time.sleep(0.1)  # too many files are open, or the client has gone
                continue
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._begin()
            with link, contextlib.suppress(OSError):  # who asked has gone, or says nothing
                self._serve(link)
            with self._lock:
                if self._waiting >= SPARE:
                    return
                self._waiting += 1

    def _serve(self, link: socket.socket) -> None:
        link.settimeout(PATIENCE)
        words = _request(link)
        if words:
            link.sendall(_message(*self._answer(words), whole=words[0] != b"HEAD"))
            link.shutdown(socket.SHUT_WR)

    def _answer(self, words: list[bytes]) -> tuple[int, bytes, str]:
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _said(400, "this is no request of HTTP/1")
        if words[0] not in (b"GET", b"HEAD"):
            return _said(405, "there is GET and HEAD")
        path, monitor = words[1].partition(b"?")[0], self._monitor
        if path == b"/metrics":
            return 200, self._metrics.text(), TYPE
        if path == b"/healthz":
            return _state(monitor.unhealthy())
        if path == b"/readyz":
            return _state(monitor.unready())
        if path == b"/serving":
            return _state(monitor.not_serving(SOON))
        return _said(404, "there is /healthz, /readyz, /serving and /metrics")


def _listening(address: str, port: int) -> socket.socket:
    if address:
        return _bound(socket.AF_INET6 if ":" in address else socket.AF_INET, address, port)
    try:
        return _bound(socket.AF_INET6, "::", port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise
        return _bound(socket.AF_INET, "0.0.0.0", port)  # noqa: S104  no IPv6 here, and every address is meant


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    """`::` is every address of both families."""
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address == "::":
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind((address, port))
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _request(link: socket.socket) -> list[bytes]:
    """The words of the first line; none where nobody asked.  The head is read to its end, if it has one."""
    head = b""
    while not _is_whole(head) and len(head) < LARGEST:
        part = link.recv(LARGEST)
        if not part:
            break
        head += part
    return head.partition(b"\n")[0].split()


def _is_whole(head: bytes) -> bool:
    return b"\n\r\n" in head or b"\n\n" in head


def _message(status: int, body: bytes, kind: str, *, whole: bool) -> bytes:
    head = (
        f"HTTP/1.1 {status} {REASONS.get(status, 'Service Unavailable')}\r\n"
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    allow = "Allow: GET, HEAD\r\n" if status == 405 else ""
    return f"{head}{allow}\r\n".encode() + (body if whole else b"")


def _state(fault: str | None) -> tuple[int, bytes, str]:
    return _said(200 if fault is None else 503, fault or "ok")


def _said(status: int, line: str) -> tuple[int, bytes, str]:
    return status, f"{line}\n".encode(), "text/plain; charset=utf-8"
