"""PURE: Kubernetes objects, as parsed from JSON or YAML, to the small values that routing needs.

One place for every source, so that a folder and a cluster read a Service alike.  Objects may be hostile or
merely wrong: whatever cannot be a Service raises BadObject with the field's name, and nothing else is
raised.  Texts are taken as they are; `routes` decides what may be served.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from wherry.proxy.model import ANNOTATION_PREFIX, EndpointSlice, Port, Service, SlicePort

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
DEFAULT_NAMESPACE = "default"


class BadObject(Exception):
    """The object is not what its kind says; the text names the field."""


def service(object_: Mapping[str, Any]) -> Service:
    """Project a v1 Service.  Raises BadObject."""
    meta = _mapping(object_, "metadata")
    spec = _mapping(object_, "spec")
    return Service(
        namespace=_text(meta, "metadata.namespace", DEFAULT_NAMESPACE),
        name=_required(meta, "metadata.name"),
        uid=_text(meta, "metadata.uid"),
        created=created(meta.get("creationTimestamp")),
        type=_text(spec, "spec.type", "ClusterIP"),
        cluster_ip=_text(spec, "spec.clusterIP"),
        external_name=_text(spec, "spec.externalName"),
        ports=tuple(_port(p, f"spec.ports[{i}]") for i, p in enumerate(_list(spec, "spec.ports"))),
        annotations=own_annotations(meta),
    )


def own_annotations(meta: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The annotations under ``wherry.dev/``, without the prefix, sorted."""
    found = _mapping(meta, "metadata.annotations")
    ours = []
    for key, value in found.items():
        if isinstance(key, str) and key.startswith(ANNOTATION_PREFIX):
            # YAML reads an unquoted `8080` or `true` as no string; the API server would refuse it.
            if not isinstance(value, str):
                raise BadObject(f'metadata.annotations["{key}"] is not a string: quote it')
            ours.append((key[len(ANNOTATION_PREFIX) :], value))
    return tuple(sorted(ours)) if ours else ()


def created(value: object) -> str:
    """creationTimestamp as RFC 3339 text; YAML may have made a datetime of it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    iso = getattr(value, "isoformat", None)
    if iso is None:
        raise BadObject("metadata.creationTimestamp is not a time")
    return str(iso()).replace("+00:00", "") + "Z"


def endpoint_slice(object_: Mapping[str, Any]) -> EndpointSlice:
    """Project a discovery.k8s.io/v1 EndpointSlice: the addresses that may be used.  Raises BadObject."""
    meta = _mapping(object_, "metadata")
    labels = _mapping(meta, "metadata.labels")
    ready: list[str] = []
    terminating: list[str] = []
    for index, endpoint in enumerate(_list(object_, "endpoints")):
        if not isinstance(endpoint, dict):
            raise BadObject(f"endpoints[{index}] is not a mapping")
        conditions = _mapping(endpoint, f"endpoints[{index}].conditions")
        if conditions.get("ready") is not False:
            ready += _addresses(endpoint, index)
        elif last_resort(conditions):
            terminating += _addresses(endpoint, index)
    return EndpointSlice(
        namespace=_text(meta, "metadata.namespace", DEFAULT_NAMESPACE),
        name=_required(meta, "metadata.name"),
        service=str(labels.get(SERVICE_NAME_LABEL) or ""),
        ports=tuple(_slice_ports(_list(object_, "ports"))),
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
    found = _list(endpoint, f"endpoints[{index}].addresses")
    for address in found:
        if not isinstance(address, str):
            raise BadObject(f"endpoints[{index}].addresses holds something that is not text")
    # "Clients should use the first": the others are reserved (discovery/v1 Endpoint.addresses).
    return found[:1]


def _port(value: object, where: str) -> Port:
    if not isinstance(value, dict):
        raise BadObject(f"{where} is not a mapping")
    number = _number(value, f"{where}.port")
    target = value.get("targetPort", number)
    if isinstance(target, bool) or not isinstance(target, int | str):
        raise BadObject(f"{where}.targetPort is neither a number nor a name")
    protocol = _text(value, f"{where}.protocol", "TCP")
    spoken = _text(value, f"{where}.appProtocol")
    return Port(_text(value, f"{where}.name"), number, target, protocol, spoken)


def _slice_ports(values: list[Any]) -> Iterator[SlicePort]:
    for index, value in enumerate(values):
        where = f"ports[{index}]"
        if not isinstance(value, dict):
            raise BadObject(f"{where} is not a mapping")
        if value.get("port") is None:
            continue  # "not restricted": says nothing about where to connect
        protocol = _text(value, f"{where}.protocol", "TCP")
        yield SlicePort(_text(value, f"{where}.name"), _number(value, f"{where}.port"), protocol)


def _number(holder: Mapping[str, Any], path: str) -> int:
    value = holder.get(_leaf(path))
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise BadObject(f"{path} is not a port number")
    return value


def _text(holder: Mapping[str, Any], path: str, default: str = "") -> str:
    value = holder.get(_leaf(path))
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise BadObject(f"{path} is not text")
    return value


def _required(holder: Mapping[str, Any], path: str) -> str:
    value = _text(holder, path)
    if not value:
        raise BadObject(f"{path} is missing")
    return value


def _mapping(holder: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    value = holder.get(_leaf(path))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadObject(f"{path} is not a mapping")
    return value


def _list(holder: Mapping[str, Any], path: str) -> list[Any]:
    value = holder.get(_leaf(path))
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadObject(f"{path} is not a list")
    return value


@functools.lru_cache(1 << 10)
def _leaf(path: str) -> str:
    return path.rpartition(".")[2]
