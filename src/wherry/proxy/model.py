"""The values that cross between sources, routes and nginx, and the promise a source makes.  PURE.

    source (folder, containers, cluster) --Snapshot--> routes.build --Route--> nginx.render --text--> reload

A source knows nothing of routes: it delivers Services and EndpointSlices as small tuples (an EndpointSlice
as a client-library object costs 39 KiB, projected 1.6).  `wherry.proxy.project` makes them from the
Kubernetes JSON, for every source alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

ANNOTATION_PREFIX = "wherry.dev/"


class Port(NamedTuple):
    """One port of a Service (ServicePort).  `target` is a number, or the name of a container's port.

    `app_protocol` is what its pods speak, as written; "" where nothing is said.
    """

    name: str
    port: int
    target: int | str
    protocol: str = "TCP"
    app_protocol: str = ""


class Service(NamedTuple):
    """What routing needs of a Service.

    `created` is metadata.creationTimestamp as written (RFC 3339 in UTC, so text order is time order), or
    "" where there is none.  `cluster_ip` is "" or "None" for a headless Service.  `annotations` holds only
    those under ``wherry.dev/``, without that prefix, sorted.  No text in here has been checked.
    """

    namespace: str
    name: str
    uid: str = ""
    created: str = ""
    type: str = "ClusterIP"
    cluster_ip: str = ""
    external_name: str = ""
    ports: tuple[Port, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class SlicePort(NamedTuple):
    """One port of an EndpointSlice; `name` is the Service port's name it stands for."""

    name: str
    port: int
    protocol: str = "TCP"


class EndpointSlice(NamedTuple):
    """What routing needs of an EndpointSlice: `addresses` are the ready ones.

    `service` is the label ``kubernetes.io/service-name``.  `terminating` are the addresses that end and
    still serve: the last resort where a Service has no ready one (KEP-1669).  All others are left out.
    """

    namespace: str
    name: str
    service: str
    ports: tuple[SlicePort, ...] = ()
    addresses: tuple[str, ...] = ()
    terminating: tuple[str, ...] = ()


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


class Snapshot(NamedTuple):
    """Everything a source knows at one moment: not a difference.

    A source that follows EndpointSlices gives them always, with or without ``--endpoints``: a Service whose
    slices hold no ready address is answered with 503 either way, and a headless one has nothing else.
    `urgent`: what is new since the last one lets requests be answered that could not be.
    """

    services: Sequence[Service] = ()
    slices: Sequence[EndpointSlice] = ()
    rejected: Sequence[Rejected] = ()
    urgent: bool = False


class Sink(Protocol):
    """What a running source reports to.  Any thread may call any method; each returns at once."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """The full set, after the first list and after each change."""

    def heartbeat(self) -> None:
        """The source is in touch: an event or a bookmark came, or the folder could be read.

        A source that follows several things calls it when each has been heard of since the last call.
        """

    def restarted(self, reason: str) -> None:
        """A watch ended and begins again; `reason` is a short code (``410``, ``timeout``, ``dropped``)."""


class Source(Protocol):
    """Where routes come from: a folder, local containers, a cluster."""

    def list(self) -> Snapshot:
        """Read everything once.  Raises ProxyError with a hint when it cannot be read."""

    def run(self, sink: Sink, stop: threading.Event) -> None:
        """Deliver a snapshot, then one after each change, until `stop` is set; blocks (a thread's target).

        Faults that may pass (no connection, a folder that is being replaced) are retried in here; what was
        delivered stays in force meanwhile.  Raises ProxyError only when going on makes no sense.
        """
