"""A small Kubernetes API server in memory: honest lists and watches, and faults that are rare elsewhere.

Beside the real one of tests/cluster: scenarios that both can play stand in kube/contract.py.

    server.create(object); server.replace(object); server.delete(kind, namespace, name); server.compact()
    server.fail("watch", "cut", after=3)      the next watch is cut in the middle of its fourth event
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import socket
import ssl
import threading
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from fakes.writes import Owners, Sent, answer, one_of
from wherry.kube.selector import parse

Object = dict[str, Any]
RESOURCES = {
    "/api/v1": {"services": "Service"},
    "/apis/discovery.k8s.io/v1": {"endpointslices": "EndpointSlice"},
}
LIST_FAULTS = ("status", "garbage", "cut", "silent", "expired page", "lost page", "slow")
WATCH_FAULTS = (
    "status",
    "gone",
    "cut",
    "close",
    "garbage",
    "silent",
    "drip",
    "twice",
    "disorder",
    "endless",
)
_EXPIRED = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
EXPIRED = json.dumps({"type": "ERROR", "object": _EXPIRED}).encode() + b"\n"


class Fault(NamedTuple):
    """`after` events of a watch; `status`, `headers` for a plain HTTP answer."""

    kind: str
    after: int = 0
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()


class Change(NamedTuple):
    version: int
    old: Object | None
    new: Object | None


class ApiServer:
    """Listens on loopback while started; what it holds outlives stop() and start()."""

    def __init__(self, folder: Path, *, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.token = "a-token-of-the-test"
        self.forbidden: set[tuple[str, str]] = set()  # (verb, resource)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.resources = {prefix: dict(names) for prefix, names in RESOURCES.items()}
        self.lock = threading.Condition()
        self._tls = tls
        self._version = 100
        self._compacted = 100
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._history: list[Change] = []
        self._faults: dict[str, deque[Fault]] = {"list": deque(), "watch": deque(), "write": deque()}
        self.owners: dict[tuple[str, str, str], Owners] = {}
        self.sent: list[Sent] = []
        self._lists: dict[tuple[int, str, str, str], list[Object]] = {}
        self._bookmarks = 0
        self._server: _Server | None = None
        self.port = 0
        self.start()

    # -- what a test does --------------------------------------------------------------------------

    namespaces: frozenset[str] = frozenset({"default"})
    """Those that are there when somebody asks for one."""

    def create(self, object_: Object) -> None:
        self._put(object_)

    def replace(self, object_: Object) -> None:
        self._put(object_)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        with self.lock:
            old = self._objects.pop((kind, namespace, name))
            self._version += 1
            gone = copy.deepcopy(old)
            gone["metadata"]["resourceVersion"] = str(self._version)
            self._history.append(Change(self._version, old, None))
            self.lock.notify_all()

    def compact(self) -> None:
        """Forget how it came to this: a watch from before now is 410."""
        with self.lock:
            self._compacted = self._version
            self._history.clear()

    def bookmark(self) -> None:
        """Every watch gets a bookmark."""
        with self.lock:
            self._bookmarks += 1
            self.lock.notify_all()

    def fail(self, what: str, kind: str, **more: Any) -> None:
        """The next list, watch or write goes wrong in this way."""
        self._faults[what].append(Fault(kind, **more))

    def hang_up(self) -> None:
        """Cut every connection that is open."""
        assert self._server is not None
        self._server.hang_up()

    def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.ends = True
            with self.lock:
                self.lock.notify_all()
            server.shutdown()
            server.hang_up()
            server.server_close()

    def start(self) -> None:
        self._server = _Server(self, self.port, self._tls)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def kubeconfig(self, **cluster: Any) -> Path:
        """A kubeconfig for it; `cluster` are further fields of the cluster."""
        path = self.folder / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "fake", "cluster": {"server": self.url, **cluster}}],
            "users": [{"name": "tester", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "fake", "user": "tester"}}],
        }
        path.write_text(json.dumps(config))
        return path

    def matching(self, kind: str, selector: str = "", namespace: str = "") -> list[Object]:
        with self.lock:
            return [
                o
                for (k, ns, _), o in sorted(self._objects.items())
                if k == kind and namespace in ("", ns) and matches(selector, o)
            ]

    # -- what the handler asks ---------------------------------------------------------------------

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return self._objects.get((kind, namespace, name))

    def _put(self, object_: Object) -> None:
        new = copy.deepcopy(object_)
        meta = new["metadata"]
        meta.setdefault("namespace", "default")
        key = (new["kind"], meta["namespace"], meta["name"])
        with self.lock:
            self._version += 1
            meta["resourceVersion"] = str(self._version)
            old, self._objects[key] = self._objects.get(key), new
            self._history.append(Change(self._version, old, new))
            self.lock.notify_all()

    def fault(self, what: str) -> Fault | None:
        with contextlib.suppress(IndexError):
            return self._faults[what].popleft()
        return None

    @property
    def version(self) -> int:
        return self._version

    @property
    def compacted(self) -> int:
        return self._compacted

    @property
    def bookmarks(self) -> int:
        return self._bookmarks

    def since(self, version: int) -> list[Change] | None:
        """What happened after `version`; None where it was compacted away."""
        if version < self._compacted:
            return None
        return [change for change in self._history if change.version > version]

    def listed(self, token: str, kind: str, selector: str, namespace: str) -> tuple[int, list[Object], int]:
        """A list's version, all of it, and where the page of `token` begins.

        All pages are of the moment of the first.
        """
        with self.lock:
            version, begin = map(int, token.split(":")) if token else (self._version, 0)
            what = (version, kind, selector, namespace)
            if what not in self._lists:
                self._lists[what] = self.matching(kind, selector, namespace)
            return version, self._lists[what], begin


def matches(selector: str, object_: Object) -> bool:
    labels = object_["metadata"].get("labels") or {}
    for key, operator, values in parse(selector):
        has = key in labels
        if not {
            "in": has and labels.get(key) in values,
            "notin": not has or labels[key] not in values,
            "exists": has,
            "missing": not has,
        }[operator]:
            return False
    return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, api: ApiServer, port: int, tls: ssl.SSLContext | None) -> None:
        self.api = api
        self.ends = False
        self._links: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._links.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._links.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for link in list(self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, or did not trust us, is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None: ...

    def do_GET(self) -> None:
        path, _, text = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        api = self.server.api
        api.requests.append((path, query))
        if path.startswith("/api/v1/namespaces/") and path.count("/") == 4:
            known = path.rpartition("/")[2] in api.namespaces
            self._json({"kind": "Namespace"}) if known else self._status(404, "NotFound", "not found")
            return
        if one_of(path, api.resources):
            self._write("GET")
            return
        found = _resource(path, api.resources)
        verb = "watch" if query.get("watch") == "true" else "list"
        if found is None:
            self._status(404, "NotFound", "the server could not find the requested resource")
        elif self.headers.get("Authorization") != f"Bearer {api.token}":
            self._status(401, "Unauthorized", "Unauthorized")
        elif (verb, found[1]) in api.forbidden:
            scope = f'in the namespace "{found[2]}"' if found[2] else "at the cluster scope"
            said = f'{found[1]} is forbidden: User "tester" cannot {verb} resource "{found[1]}" {scope}'
            self._status(403, "Forbidden", said)
        else:
            kind, _, namespace = found
            (self._watch if verb == "watch" else self._list)(kind, namespace, query, api.fault(verb))

    def do_POST(self) -> None:
        self._write("POST")

    def do_PATCH(self) -> None:
        self._write("PATCH")

    def do_DELETE(self) -> None:
        self._write("DELETE")

    def _write(self, method: str) -> None:
        """One object, written or read."""
        api = self.server.api
        path, _, text = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = Sent(
            method, path, dict(urllib.parse.parse_qsl(text)), self.headers.get("Content-Type", ""), body
        )
        if method != "GET":
            api.sent.append(sent)
        fault = api.fault("write")
        if fault and fault.kind == "status":
            return self._status(fault.status, "Fault", "a fault of the test", fault.headers)
        if self.headers.get("Authorization") != f"Bearer {api.token}":
            return self._status(401, "Unauthorized", "Unauthorized")
        code, object_ = answer(api, sent)
        if fault and fault.kind == "cut":
            return self._cut()
        return self._json(object_, code)

    # -- answers -----------------------------------------------------------------------------------

    def _status(self, code: int, reason: str, message: str, headers: Any = ()) -> None:
        self._json(
            {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message},
            code,
            headers,
        )

    def _json(self, object_: Object, code: int = 200, headers: Any = ()) -> None:
        body = json.dumps(object_).encode()
        self._head(code, [("Content-Length", str(len(body))), *headers])
        self.wfile.write(body)

    def _head(self, code: int, headers: list[tuple[str, str]]) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _nothing(self) -> None:
        """A half-open connection: until the server stops or the client goes."""
        self.connection.settimeout(0.05)
        while not self.server.ends:
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    break
        self.close_connection = True

    def _list(self, kind: str, namespace: str, query: dict[str, str], fault: Fault | None) -> None:
        api = self.server.api
        if fault and fault.kind == "status":
            return self._status(fault.status, "Fault", "a fault of the test", fault.headers)
        if fault and fault.kind == "silent":
            return self._nothing()
        token = query.get("continue", "")
        if token and fault and fault.kind in ("expired page", "lost page"):
            return self._status(410, "Expired", "The provided continue parameter is too old")
        version, found, begin = api.listed(token, kind, query.get("labelSelector", ""), namespace)
        limit = int(query.get("limit") or 0) or len(found)
        more = begin + limit < len(found)
        meta = {"resourceVersion": str(version)}
        if more:
            meta["continue"] = f"{version}:{begin + limit}"
        body = json.dumps(
            {"kind": f"{kind}List", "metadata": meta, "items": found[begin : begin + limit]}
        ).encode()
        if fault and fault.kind == "garbage":
            body = body[: len(body) // 2] + b"\xff\x00nonsense"
        headers = []
        if "gzip" in self.headers.get("Accept-Encoding", ""):  # a real one: from 128 KiB
            body = gzip.compress(body, 1)
            headers.append(("Content-Encoding", "gzip"))
        self._head(200, [("Content-Length", str(len(body))), *headers])
        if fault and fault.kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            return self._cut()
        if fault and fault.kind == "slow":
            for at in range(0, len(body), max(1, len(body) // 10)):
                self.wfile.write(body[at : at + max(1, len(body) // 10)])
                time.sleep(0.01)
            return None
        self.wfile.write(body)
        return None

    def _watch(self, kind: str, namespace: str, query: dict[str, str], fault: Fault | None) -> None:
        api = self.server.api
        if fault and fault.kind == "status":
            return self._status(fault.status, "Fault", "a fault of the test", fault.headers)
        since = int(query["resourceVersion"])
        if since < api.compacted:
            return self._status(410, "Expired", f"too old resource version: {since}")
        if since > api.version:
            return self._status(504, "Timeout", f"Too large resource version: {since}")
        self._head(200, [("Transfer-Encoding", "chunked")])
        events = self._events(kind, namespace, query, since)
        with contextlib.suppress(OSError):
            self._send(events, fault)
        return None

    def _send(self, events: Iterator[bytes], fault: Fault | None) -> None:
        for number, event in enumerate(events):
            if fault is None or number < fault.after:
                self._chunk(event)
            elif fault.kind == "twice":
                self._chunk(event + event)
            elif fault.kind == "disorder":
                following = next(events, b"")
                # A bookmark is a promise that everything before it has come: no server breaks that.
                promised = b'"BOOKMARK"' in following
                self._chunk(event + following if promised else following + event)
            elif fault.kind == "drip":
                for at in range(0, len(event), 7):
                    self._chunk(event[at : at + 7])
            else:
                return self._break(fault, event)
        self._chunk(b"")
        return None

    def _break(self, fault: Fault, event: bytes) -> None:
        if fault.kind == "gone":
            self._chunk(EXPIRED)
            self._chunk(b"")
        elif fault.kind == "cut":
            self._chunk(event[: len(event) // 2])
            self._cut()
        elif fault.kind == "close":
            self._chunk(b"")
        elif fault.kind == "garbage":
            self._chunk(b"{nonsense}\n")
        elif fault.kind == "endless":
            while not self.server.ends:
                self._chunk(b" " * 4096)
        elif fault.kind == "silent":
            self._nothing()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _events(self, kind: str, namespace: str, query: dict[str, str], since: int) -> Iterator[bytes]:
        """Everything after `since` until the time is up, as the labels of objects come to match or not."""
        api, selector = self.server.api, query.get("labelSelector", "")
        end = time.monotonic() + float(query.get("timeoutSeconds") or 60)
        bookmarks = api.bookmarks
        while not self.server.ends:
            with api.lock:
                changes = api.since(since)
                if changes is None:
                    break
                if not changes and bookmarks == api.bookmarks:
                    left = end - time.monotonic()
                    if left <= 0:
                        return
                    api.lock.wait(left)
                    continue
                since = max([since, *(c.version for c in changes)])
                told, bookmarks = api.bookmarks > bookmarks, api.bookmarks
            for change in changes:
                event = _event(change, kind, namespace, selector)
                if event is not None:
                    yield json.dumps(event).encode() + b"\n"
            if told and query.get("allowWatchBookmarks") == "true":
                mark = {"kind": kind, "metadata": {"resourceVersion": str(since)}}
                yield json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n"
        else:
            return
        yield EXPIRED


def _resource(path: str, resources: dict[str, dict[str, str]]) -> tuple[str, str, str] | None:
    """(kind, resource, namespace) of a path."""
    for prefix, names in resources.items():
        parts = path.removeprefix(prefix + "/").split("/")
        if path.startswith(prefix + "/") and parts[-1] in names:
            namespace = parts[1] if len(parts) == 3 and parts[0] == "namespaces" else ""
            return names[parts[-1]], parts[-1], namespace
    return None


def _event(change: Change, kind: str, namespace: str, selector: str) -> Object | None:
    def seen(object_: Object | None) -> bool:
        return (
            object_ is not None
            and object_["kind"] == kind
            and namespace in ("", object_["metadata"]["namespace"])
            and matches(selector, object_)
        )

    before, now = seen(change.old), seen(change.new)
    if now:
        return {"type": "MODIFIED" if before else "ADDED", "object": change.new}
    if before:
        gone = copy.deepcopy(change.new or change.old)
        assert gone is not None
        gone["metadata"]["resourceVersion"] = str(change.version)
        return {"type": "DELETED", "object": gone}
    return None
