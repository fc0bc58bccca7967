"""PURE: where the requests for one port of a Service go."""

from __future__ import annotations

from wherry.digits import whole
from wherry.proxy import names
from wherry.proxy.graph.claim import Backend
from wherry.proxy.names import Refused
from wherry.proxy.resources.service import Port
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.proxy.graph.options import Options
    from wherry.proxy.resources.endpoint_slice import EndpointSlice
    from wherry.proxy.resources.service import Service

HEADLESS = ("", "None")
TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
PROTOCOLS = {
    "http": "http",
    "www": "http",
    "www-http": "http",
    "http-alt": "http",
    "ws": "http",
    "kubernetes.io/ws": "http",
    "https": "https",
    "wss": "https",
    "kubernetes.io/wss": "https",
}
"""appProtocol: IANA's names for what nginx speaks to pods, and those of KEP-3726.  Not h2c, not grpc."""


class NoUpstream(Exception):
    """The Service cannot be routed to, whatever its pods do; `reason` is a short code."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Ports:
    """A Service's TCP ports, to be asked for many: an annotation may ask for each of thousands."""

    def __init__(self, service: Service) -> None:
        self._external = service.type == "ExternalName"
        self._ports = [port for port in service.ports if port.protocol == "TCP"]
        self._known: dict[str, Port] = {}
        for port in self._ports:
            self._known.setdefault(port.name, port)
            self._known.setdefault(str(port.port), port)

    def choose(self, requested: str | None) -> Port:
        """The `requested` port, by name or number, else the one named http, else 80, else the first.

        An ExternalName Service needs no ports: there a number that is requested is taken as it is.  Raises
        NoUpstream.
        """
        if requested is not None:
            number = whole(requested, 65535)
            found = self._known.get(requested)
            if found is None and self._external and number:
                return Port("", number, number)
            if found is None:
                raise NoUpstream("no-port", f"there is no TCP port {names.shown(requested)}")
            return found
        if not self._ports:
            if self._external:
                return Port("", 80, 80)
            raise NoUpstream("no-port", "there is no TCP port")
        by_name = self._known.get("http")
        by_number = next((p for p in self._ports if p.port == 80), None)
        return by_name or by_number or self._ports[0]


def protocol_of(port: Port, annotated: str | None) -> str:
    """How to speak to the pods: what the annotation says, else appProtocol, else the port's name or number.

    Raises NoUpstream where appProtocol names what nginx does not speak to them.
    """
    if annotated:
        return annotated
    if port.app_protocol:
        known = PROTOCOLS.get(port.app_protocol.lower())
        if known is None:
            raise NoUpstream(
                "bad-protocol",
                f"appProtocol {names.shown(port.app_protocol)} is not passed on; "
                "wherry.dev/protocol: http sends HTTP/1.1 anyway",
            )
        return known
    return "https" if port.name == "https" or port.port == 443 else "http"


def backend(service: Service, slices: Sequence[EndpointSlice], port: Port, options: Options) -> Backend:
    """The addresses, and the one that can stand for them all.

    Raises NoUpstream.  A Service without any slice has no pod where slices are followed (`options.slices`):
    its address would leave a request hanging.  Elsewhere it is trusted to have some.
    """
    if service.type not in TYPES:
        raise NoUpstream("bad-type", f"{names.shown(service.type)} is not a type of Service")
    if port.name:
        _checked("bad-name", names.port, port.name)
    if service.type == "ExternalName":
        return Backend(_external(service, port, options))
    if service.cluster_ip in HEADLESS:
        return Backend(_ready(service, slices, port, options))
    ip = _checked("bad-address", lambda t: names.address(t, local=options.local), service.cluster_ip)
    whole = f"{ip}:{port.port}"
    if not slices and not (options.endpoints or options.slices):
        return Backend((whole,), whole)
    ready = _ready(service, _of_family(slices, ip), port, options)
    return Backend(ready, whole) if options.endpoints or not ready else Backend((whole,), whole, ready)


def _external(service: Service, port: Port, options: Options) -> tuple[str, ...]:
    name = _checked("bad-address", names.external, service.external_name)
    if not options.names:
        raise NoUpstream(
            "no-resolver", f"{name} has to be looked up, and nginx has no resolver (--resolver)"
        )
    return (f"{name}:{port.port}",)


def _of_family(slices: Sequence[EndpointSlice], ip: str) -> Sequence[EndpointSlice]:
    """Those whose addresses are of the same family as an address: a pod of a dual-stack Service is in a
    slice of each, and is used once."""
    own = [
        one for one in slices if any(_family(a) == _family(ip) for a in (*one.addresses, *one.terminating))
    ]
    return own or slices


def _family(ip: str) -> bool:
    return ":" in ip


def _ready(
    service: Service, slices: Sequence[EndpointSlice], port: Port, options: Options
) -> tuple[str, ...]:
    """The ready addresses with the number that the port has there, sorted, each once.

    Where none is ready, those that end and still serve.
    """
    ready: set[str] = set()
    terminating: set[str] = set()
    for one in slices:
        number = next((p.port for p in one.ports if p.name == port.name and p.protocol == "TCP"), 0)
        if not number:
            continue
        for texts, found in ((one.addresses, ready), (one.terminating, terminating)):
            for text in texts:
                ip = _checked("bad-address", lambda t: names.address(t, local=options.local), text)
                found.add(f"{ip}:{number}")
    return tuple(sorted(ready or terminating))


def _checked(reason: str, check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except Refused as refused:
        raise NoUpstream(reason, str(refused)) from None
