"""PURE: the values that cross between sources, graph, routes and nginx.

    source -> Snapshot -> graph -> Table -> nginx.render -> text -> reload

A source (a folder, containers, a cluster) knows nothing of routes: it delivers Kubernetes objects as small
tuples (an EndpointSlice as a client-library object costs 39 KiB, projected 1.6), made by
`wherry.proxy.resources` for every source alike.
"""

from __future__ import annotations

from wherry.typed import NamedTuple


class Rejected(NamedTuple):
    """Something that is not served, and why.

    `name` is ``namespace/service`` (with ``:port`` where one port is meant) or a file's path; `reason` is
    a short code that metrics count (``bad-host``, ``host-taken``, ``bad-manifest``); `message` is for
    people.
    """

    name: str
    reason: str
    message: str


class Settings(NamedTuple):
    """How nginx talks to one upstream.  Times in milliseconds, `body_size` in bytes (0: no limit).

    A connection is short of time on purpose: the address of a Service that is new may lead nowhere until
    kube-proxy knows it, and only another connection finds out that it does now.
    """

    protocol: str = "http"
    connect_timeout: int = 1_000
    read_timeout: int = 60_000
    send_timeout: int = 60_000
    body_size: int = 1 << 20
    websocket: bool = True
    buffering: bool = False


class Route(NamedTuple):
    """Requests for `host` below `path` go to `addresses` ("ip:port", "name:port"); none of them means 503.

    `name` is ``namespace/service:port`` and is what the access log says.  `host` is a lower-case DNS name
    or ``*.`` and one; `path` is "/" or begins with one and does not end with one.  `spare` is a single
    address that stands for all of `addresses` (the ClusterIP) or "".  Every field has been checked.
    """

    name: str
    host: str
    path: str
    addresses: tuple[str, ...]
    settings: Settings = Settings()
    spare: str = ""


class Table(NamedTuple):
    """All routes, oldest object first, each host and path once; and what is not served."""

    routes: tuple[Route, ...] = ()
    rejected: tuple[Rejected, ...] = ()
