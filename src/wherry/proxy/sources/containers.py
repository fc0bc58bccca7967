"""Local containers as a source, in nginx-proxy's manner: ``VIRTUAL_HOST`` and friends.

    VIRTUAL_HOST   a.example, *.b.example    without it a container is passed over
    VIRTUAL_PORT   8080                      default: its only exposed port, else 80
    VIRTUAL_PATH   /api                      default /
    VIRTUAL_PROTO  http | https              default http

Each as a label or an environment variable (the label wins); labels under ``wherry.dev/`` say the rest.
Containers that ask for the same host and path share the requests.  The image wing is not known here:
whoever makes the source brings a function that gives running containers as ``docker inspect`` shows them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.proxy.model import (
    ANNOTATION_PREFIX,
    EndpointSlice,
    Port,
    Rejected,
    Service,
    SlicePort,
    Snapshot,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

    from wherry.proxy.model import Sink

NAMESPACE = "containers"
EVERY = 0.25
"""Seconds between looks."""

_HERE = "127.0.0.1"
_WISHES = {"VIRTUAL_HOST": "host", "VIRTUAL_PATH": "path", "VIRTUAL_PROTO": "protocol"}


class Unreachable(Exception):
    """A container that asks for requests and cannot get them; the text says why."""


class _Found(NamedTuple):
    name: str
    created: str
    annotations: tuple[tuple[str, str], ...]
    address: str
    port: int


class Containers:
    """Implements model.Source with `inspect`, which gives the running containers' inspect objects."""

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
    groups: dict[tuple[tuple[str, str], ...], list[_Found]] = {}
    rejected = []
    for container in sorted(containers, key=lambda c: (str(c.get("Created")), str(c.get("Name")))):
        try:
            found = _found(container)
        except Unreachable as why:
            rejected.append(Rejected(f"{NAMESPACE}/{_name(container)}", "unreachable", str(why)))
            continue
        if found is not None:
            groups.setdefault(found.annotations, []).append(found)
    services = [
        Service(NAMESPACE, f[0].name, created=f[0].created, ports=(Port("", f[0].port, f[0].port),),
                annotations=annotations)
        for annotations, f in groups.items()
    ]  # fmt: skip
    slices = [
        EndpointSlice(NAMESPACE, one.name, group[0].name, (SlicePort("", one.port),), (one.address,))
        for group in groups.values()
        for one in group
    ]
    return Snapshot(services, slices, rejected)


def _found(container: Mapping[str, Any]) -> _Found | None:
    config = container.get("Config") or {}
    said = dict(pair.partition("=")[::2] for pair in config.get("Env") or ())
    said |= config.get("Labels") or {}
    if not said.get("VIRTUAL_HOST") or not (container.get("State") or {}).get("Running"):
        return None
    annotations = {new: said[old] for old, new in _WISHES.items() if said.get(old)}
    for key, value in said.items():
        if key.startswith(ANNOTATION_PREFIX):
            annotations.setdefault(key[len(ANNOTATION_PREFIX) :], value)
    address, port = _address(container, _port(said.get("VIRTUAL_PORT"), config.get("ExposedPorts") or {}))
    created = str(container.get("Created") or "")
    return _Found(_name(container), created, tuple(sorted(annotations.items())), address, port)


def _port(wanted: str | None, exposed: Iterable[str]) -> int:
    if wanted:
        if not re.fullmatch("[0-9]{1,5}", wanted) or not 1 <= int(wanted) <= 65535:
            raise Unreachable("VIRTUAL_PORT is not a port number")
        return int(wanted)
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
