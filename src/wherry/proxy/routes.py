"""PURE: Services and EndpointSlices to routes, and who wins where two want the same host and path.

The older Service wins (creationTimestamp; one without counts as newest), ties by namespace and name; the
loser is reported.  What one Service gets wrong costs only its own routes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy import names
from wherry.proxy.annotations import read as read_annotations
from wherry.proxy.model import Rejected, Route
from wherry.proxy.names import Refused
from wherry.proxy.upstreams import NoUpstream, choose_port, protocol_of, upstream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.proxy.annotations import Wish
    from wherry.proxy.model import EndpointSlice, Port, Service, Settings

MOST_SETTINGS = 200
"""Each set of timeouts and sizes costs a location block, and nobody shall make the others' reload slow."""


class Options(NamedTuple):
    """How Services become routes.

    `domain` ends the default host.  With `endpoints` requests go to the ready addresses, otherwise to the
    ClusterIP where there is one.  `slices` says that all EndpointSlices are known, so that a Service
    without one has no pod.  `names` says that nginx can look names up (it has a resolver).  `local` allows
    loopback addresses: for a folder on a laptop, never for a cluster.
    """

    domain: str = "cluster.local"
    endpoints: bool = False
    names: bool = False
    local: bool = False
    slices: bool = False


class Table(NamedTuple):
    """All routes, oldest Service first, each host and path once; and what is not served."""

    routes: tuple[Route, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class _Made(NamedTuple):
    """What one Service gives, before it meets the others."""

    routes: tuple[Route, ...]
    rejected: tuple[Rejected, ...]


class Router:
    """Builds tables, remembering what each Service gave, so that one change among 10,000 costs little.

    No I/O and no clock; equal input gives an equal table whatever was built before.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._made: dict[tuple[str, str], tuple[Service, tuple[EndpointSlice, ...], _Made]] = {}

    def build(
        self,
        services: Iterable[Service],
        slices: Iterable[EndpointSlice] = (),
        rejected: Iterable[Rejected] = (),
    ) -> Table:
        by_service = _by_service(slices)
        problems = list(rejected)
        made: dict[tuple[str, str], tuple[Service, tuple[EndpointSlice, ...], _Made]] = {}
        for service in sorted(services, key=_age):
            key = (service.namespace, service.name)
            if key in made:
                problems.append(
                    Rejected(_name(service), "duplicate", "there is another Service of that name")
                )
                continue
            own = by_service.get(key, ())
            held = self._made.get(key)
            if held is None or held[0] != service or held[1] != own:
                held = (service, own, _routes_of(service, own, self._options))
            made[key] = held
        self._made = made
        return _merge((entry[2] for entry in made.values()), problems)


def build(
    services: Sequence[Service], slices: Sequence[EndpointSlice] = (), options: Options | None = None
) -> Table:
    """One table, for a caller that builds only once."""
    return Router(options or Options()).build(services, slices)


def _age(service: Service) -> tuple[str, str, str]:
    return (service.created or "~", service.namespace, service.name)


def _name(service: Service) -> str:
    return f"{names.shown(service.namespace)[1:-1]}/{names.shown(service.name)[1:-1]}"


def _by_service(slices: Iterable[EndpointSlice]) -> dict[tuple[str, str], tuple[EndpointSlice, ...]]:
    found: dict[tuple[str, str], tuple[EndpointSlice, ...]] = {}
    for one in slices:
        key = (one.namespace, one.service)
        found[key] = (*found.get(key, ()), one)
    return found


def _merge(all_made: Iterable[_Made], rejected: list[Rejected]) -> Table:
    """The first to claim a host and path has it."""
    owner: dict[tuple[str, str], Route] = {}
    settings: set[Settings] = set()
    for made in all_made:
        rejected += made.rejected
        for route in made.routes:
            claim = (route.host, route.path)
            first = owner.setdefault(claim, route)
            if first is not route:
                message = f"{route.host}{route.path} belongs to {first.name}, which came first"
                rejected.append(Rejected(route.name, "host-taken", message))
            elif route.settings not in settings:
                if len(settings) < MOST_SETTINGS:
                    settings.add(route.settings)
                    continue
                del owner[claim]
                message = f"there are {MOST_SETTINGS} different sets of timeouts and sizes already"
                rejected.append(Rejected(route.name, "too-many-settings", message))
    return Table(tuple(owner.values()), tuple(rejected))


def _routes_of(service: Service, slices: tuple[EndpointSlice, ...], options: Options) -> _Made:
    name = _name(service)
    if name == "default/kubernetes" and not service.annotations:
        return _Made((), ())  # the API server itself: published only by whoever annotates it
    try:
        names.label(service.namespace)
        names.label(service.name)
    except Refused as refused:
        return _Made((), (Rejected(name, "bad-name", str(refused)),))
    wishes, problems = read_annotations(service.annotations)
    routes: list[Route] = []
    rejected = [Rejected(name, p.reason, p.message) for p in problems]
    for wish in wishes:
        try:
            port = choose_port(service, wish.port)
            routes += _routes_for(service, slices, wish, port, options)
        except NoUpstream as missing:
            rejected.append(Rejected(name, missing.reason, str(missing)))
        except Refused as refused:
            rejected.append(Rejected(name, "bad-host", str(refused)))
    return _Made(tuple(routes), tuple(rejected))


def _routes_for(
    service: Service, slices: tuple[EndpointSlice, ...], wish: Wish, port: Port, options: Options
) -> list[Route]:
    hosts = wish.host or (names.dns_name(f"{service.name}.{service.namespace}.{options.domain}"),)
    addresses, spare = upstream(service, slices, port, options)
    settings = wish.settings._replace(protocol=protocol_of(port, wish.protocol))
    name = f"{service.namespace}/{service.name}:{port.name or port.port}"
    return [Route(name, host, wish.path, addresses, settings, spare) for host in hosts]
