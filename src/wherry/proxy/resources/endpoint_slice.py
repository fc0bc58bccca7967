"""PURE: what routing needs of a discovery.k8s.io/v1 EndpointSlice: the addresses that may be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.kube import fields
from wherry.kube.fields import BadObject
from wherry.kube.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


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


def project(object_: Mapping[str, Any]) -> EndpointSlice:
    """Raises BadObject."""
    meta = fields.mapping(object_, "metadata")
    labels = fields.mapping(meta, "metadata.labels")
    # Names are no addresses (addressType FQDN is deprecated, and kube-proxy leaves it out, too).
    named = fields.text(object_, "addressType") == "FQDN"
    ready: list[str] = []
    terminating: list[str] = []
    for index, endpoint in enumerate(fields.items(object_, "endpoints") if not named else ()):
        if not isinstance(endpoint, dict):
            raise BadObject(f"endpoints[{index}] is not a mapping")
        conditions = fields.mapping(endpoint, f"endpoints[{index}].conditions")
        if conditions.get("ready") is not False:
            ready += _addresses(endpoint, index)
        elif last_resort(conditions):
            terminating += _addresses(endpoint, index)
    return EndpointSlice(
        namespace=fields.namespace(meta),
        name=fields.name(meta),
        service=str(labels.get(SERVICE_NAME_LABEL) or ""),
        ports=tuple(_ports(fields.items(object_, "ports"))),
        addresses=tuple(ready),
        terminating=tuple(terminating),
    )


def last_resort(conditions: Mapping[str, Any]) -> bool:
    """Whether an endpoint that is not ready takes connections while its Service has none that is.

    discovery/v1: without a word `ready` and `serving` are true and `terminating` is false.  One that is
    ready is used whether it ends or not (publishNotReadyAddresses), as kube-proxy does.
    """
    return conditions.get("serving") is not False and conditions.get("terminating") is True


def _addresses(endpoint: Mapping[str, Any], index: int) -> list[str]:
    found = fields.items(endpoint, f"endpoints[{index}].addresses")
    for address in found:
        if not isinstance(address, str):
            raise BadObject(f"endpoints[{index}].addresses holds something that is not text")
    # "Clients should use the first": the others are reserved (discovery/v1 Endpoint.addresses).
    return found[:1]


def _ports(values: list[Any]) -> Iterator[SlicePort]:
    for index, value in enumerate(values):
        where = f"ports[{index}]"
        if not isinstance(value, dict):
            raise BadObject(f"{where} is not a mapping")
        if value.get("port") is None:
            continue  # "not restricted": says nothing about where to connect
        protocol = fields.text(value, f"{where}.protocol", "TCP")
        yield SlicePort(fields.text(value, f"{where}.name"), fields.port(value, f"{where}.port"), protocol)


def _pods_came(before: object, now: object) -> bool:
    return _has_pods(now) and not _has_pods(before)


def _has_pods(value: object) -> bool:
    return isinstance(value, EndpointSlice) and bool(value.addresses or value.terminating)


ENDPOINT_SLICES: Resource[EndpointSlice] = Resource(
    "discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", project, _pods_came
)
