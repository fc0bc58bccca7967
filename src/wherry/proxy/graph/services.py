"""PURE: the graph's part of Services: the EndpointSlices of each, and what it claims by annotation.

What one Service gets wrong costs only its own routes.
"""

from __future__ import annotations

import functools

from wherry.proxy import names
from wherry.proxy.graph.annotations import read as read_annotations
from wherry.proxy.graph.backend import NoUpstream, Ports, backend, protocol_of
from wherry.proxy.graph.claim import Claim, Node
from wherry.proxy.model import Rejected
from wherry.proxy.names import Refused
from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES
from wherry.proxy.resources.service import SERVICES
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.proxy.graph.annotations import RouteSpec
    from wherry.proxy.graph.claim import Age
    from wherry.proxy.graph.options import Options
    from wherry.proxy.model import Settings
    from wherry.proxy.resources.endpoint_slice import EndpointSlice
    from wherry.proxy.resources.service import Port, Service
    from wherry.proxy.resources.snapshot import Snapshot

Slices = tuple["EndpointSlice", ...]
Key = tuple[str, str]
"""Namespace and name of a Service."""


class Services:
    """Implements claim.Part, remembering what each Service gave: one change among 10,000 costs little."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._nodes: dict[Key, tuple[Service, Slices, Node]] = {}

    def nodes(self, snapshot: Snapshot) -> list[Node]:
        slices = by_service(snapshot.of(ENDPOINT_SLICES))
        before, now = self._nodes, {}
        nodes: list[Node] = []
        for service in sorted(snapshot.of(SERVICES), key=age):
            key = (service.namespace, service.name)
            if key in now:
                nodes.append(_duplicate(service))
                continue
            own = slices.get(key, ())
            held = before.get(key)
            # An object that did not change is mostly the very same one: comparing ten thousand costs more.
            if held is None or (held[0] is not service and held[0] != service) or held[1] != own:
                held = (service, own, _node(service, own, self._options))
            now[key] = held
            nodes.append(held[2])
        self._nodes = now
        return nodes


def age(service: Service) -> Age:
    return (service.created or "~", service.namespace, service.name)


def shown(service: Service) -> str:
    """``namespace/name`` for a message, whatever is in it."""
    return f"{names.shown(service.namespace)[1:-1]}/{names.shown(service.name)[1:-1]}"


def by_service(slices: Iterable[EndpointSlice]) -> dict[Key, Slices]:
    found: dict[Key, Slices] = {}
    for one in slices:
        key = (one.namespace, one.service)
        before = found.get(key)
        found[key] = (one,) if before is None else (*before, one)
    return found


def _duplicate(service: Service) -> Node:
    problem = Rejected(shown(service), "duplicate", "there is another Service of that name")
    return Node(age(service), rejected=(problem,))


def _node(service: Service, slices: Slices, options: Options) -> Node:
    name, when = shown(service), age(service)
    if name == "default/kubernetes" and not service.annotations:
        return Node(when)  # the API server itself: published only by whoever annotates it
    try:
        names.label(service.namespace)
        names.label(service.name)
    except Refused as refused:
        return Node(when, rejected=(Rejected(name, "bad-name", str(refused)),))
    specs, problems = read_annotations(service.annotations)
    ports = Ports(service)
    claims: list[Claim] = []
    rejected = [Rejected(name, p.reason, p.message) for p in problems]
    for spec in specs:
        try:
            port = ports.choose(spec.port)
            claims += _claims(service, slices, spec, port, options)
        except NoUpstream as missing:
            rejected.append(Rejected(name, missing.reason, str(missing)))
        except Refused as refused:
            rejected.append(Rejected(name, "bad-host", str(refused)))
    return Node(when, tuple(claims), tuple(rejected))


@functools.lru_cache(1 << 10)
def _shared(settings: Settings) -> Settings:
    """One object for equal ones: ten thousand Services have a few."""
    return settings


def _claims(service: Service, slices: Slices, spec: RouteSpec, port: Port, options: Options) -> list[Claim]:
    hosts = spec.host or (names.dns_name(f"{service.name}.{service.namespace}.{options.domain}"),)
    answers = backend(service, slices, port, options)
    protocol, settings = protocol_of(port, spec.protocol), spec.settings
    if settings.protocol != protocol:
        settings = settings._replace(protocol=protocol)
    settings = _shared(settings)
    name = f"{service.namespace}/{service.name}:{port.name or port.port}"
    return [Claim(name, (host, spec.path), answers, settings) for host in hosts]
