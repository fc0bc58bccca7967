"""Local containers as a source, in nginx-proxy's manner: ``VIRTUAL_HOST`` and friends.

    VIRTUAL_HOST   a.example, *.b.example    without it a container is passed over
    VIRTUAL_PORT   8080                      default: its only exposed port, else 80
    VIRTUAL_PATH   /api                      default /
    VIRTUAL_PROTO  http | https              default http

Each as a label or an environment variable (the label wins); labels under ``wherry.dev/`` say the rest.
Containers that ask for the same host and path share the requests, host by host.  The image wing is not
known here: whoever makes the source brings a function that gives running containers as ``docker inspect``
shows them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.proxy.model import Rejected
from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES, EndpointSlice, SlicePort
from wherry.proxy.resources.service import ANNOTATION_PREFIX, SERVICES, Port, Service
from wherry.proxy.resources.snapshot import Snapshot

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wherry.proxy.sources.source import Sink

NAMESPACE = "containers"
EVERY = 0.25
"""Seconds between looks."""

_HERE = "127.0.0.1"
_ANNOTATIONS = {"VIRTUAL_HOST": "host", "VIRTUAL_PATH": "path", "VIRTUAL_PROTO": "protocol"}


class Unreachable(Exception):
    """A container that asks for requests and cannot get them; the text says why."""


Pairs = tuple[tuple[str, str], ...]


class _Found(NamedTuple):
    """`rest` is what it asks for beside its hosts."""

    name: str
    created: str
    hosts: tuple[str, ...]
    rest: Pairs
    address: str
    port: int


_Group = tuple[tuple[Pairs, tuple[_Found, ...]], list[str]]
"""What some containers ask for, those containers, and the hosts that they share."""


class Containers:
    """Implements source.Source with `inspect`, which gives the running containers' inspect objects."""

    def __init__(self, inspect: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
        self._inspect = inspect

    def list(self) -> Snapshot:
        return project(self._inspect())

    def run(self, sink: Sink, stop: threading.Event) -> None:
        last = None
        while not stop.is_set():
            now = self.list()
            if now != last:
                sink.snapshot(now)
                last = now
            sink.heartbeat()
            stop.wait(EVERY)


def project(containers: Iterable[Mapping[str, Any]]) -> Snapshot:
    """Services and slices for containers, oldest first.  PURE."""
    by_host: dict[tuple[str, Pairs], list[_Found]] = {}
    rejected = []
    for container in sorted(containers, key=lambda c: (str(c.get("Created")), str(c.get("Name")))):
        try:
            found = _found(container)
        except Unreachable as why:
            rejected.append(Rejected(f"{NAMESPACE}/{_name(container)}", "unreachable", str(why)))
            continue
        if found is not None:
            for host in found.hosts:
                by_host.setdefault((host, found.rest), []).append(found)
    groups: dict[tuple[Pairs, tuple[_Found, ...]], list[str]] = {}
    for (host, rest), sharing in by_host.items():
        groups.setdefault((rest, tuple(sharing)), []).append(host)
    services, slices = [], []
    for name, ((rest, those), hosts) in _named(groups.items()):
        first, annotations = those[0], (("host", ",".join(hosts)), *rest)
        ports = (Port("", first.port, first.port),)
        services.append(
            Service(NAMESPACE, name, created=first.created, ports=ports, annotations=annotations)
        )
        slices += [
            EndpointSlice(NAMESPACE, one.name, name, (SlicePort("", one.port),), (one.address,))
            for one in those
        ]
    return Snapshot({SERVICES: services, ENDPOINT_SLICES: slices}, rejected)


def _named(groups: Iterable[_Group]) -> Iterator[tuple[str, _Group]]:
    """Each group with the name of its first container, and a number where that begins several."""
    used: set[str] = set()
    for group in groups:
        first = group[0][1][0].name
        names = (first, *(f"{first[:58]}-{number}" for number in range(2, 10_000)))
        name = next(name for name in names if name not in used)
        used.add(name)
        yield name, group


def _found(container: Mapping[str, Any]) -> _Found | None:
    config = container.get("Config") or {}
    labels = dict(pair.partition("=")[::2] for pair in config.get("Env") or ())
    labels |= config.get("Labels") or {}
    if not labels.get("VIRTUAL_HOST") or not (container.get("State") or {}).get("Running"):
        return None
    annotations = {new: labels[old] for old, new in _ANNOTATIONS.items() if labels.get(old)}
    for key, value in labels.items():
        if key.startswith(ANNOTATION_PREFIX):
            annotations.setdefault(key[len(ANNOTATION_PREFIX) :], value)
    address, port = _address(container, _port(labels.get("VIRTUAL_PORT"), config.get("ExposedPorts") or {}))
    created = str(container.get("Created") or "")
    hosts = tuple(dict.fromkeys(host.strip(" ").lower() for host in annotations.pop("host").split(",")))
    return _Found(_name(container), created, hosts, tuple(sorted(annotations.items())), address, port)


def _port(virtual_port: str | None, exposed: Iterable[str]) -> int:
    if virtual_port:
        if not re.fullmatch("[0-9]{1,5}", virtual_port) or not 1 <= int(virtual_port) <= 65535:
            raise Unreachable("VIRTUAL_PORT is not a port number")
        return int(virtual_port)
    tcp = [int(p.partition("/")[0]) for p in exposed if re.fullmatch("[0-9]{1,5}(/tcp)?", p)]
    return tcp[0] if len(tcp) == 1 else 80


def _address(container: Mapping[str, Any], port: int) -> tuple[str, int]:
    """Where this machine reaches a container's port."""
    if (container.get("HostConfig") or {}).get("NetworkMode") == "host":
        return _HERE, port
    network = container.get("NetworkSettings") or {}
    for binding in (network.get("Ports") or {}).get(f"{port}/tcp") or ():
        host = binding.get("HostIp") or ""
        return (_HERE if host in ("", "0.0.0.0", "::") else host), int(binding["HostPort"])  # noqa: S104
    if network.get("IPAddress"):
        return network["IPAddress"], port
    raise Unreachable(f"port {port} is not published: start it with -p {port}, or with --network host")


def _name(container: Mapping[str, Any]) -> str:
    """The container's name as a Service's name may be."""
    name = re.sub("[^a-z0-9-]", "-", str(container.get("Name") or "").lower()).strip("-")
    return name[:63].rstrip("-") or "unnamed"
