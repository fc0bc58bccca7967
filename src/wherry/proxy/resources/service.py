"""PURE: what routing needs of a v1 Service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.kube import fields
from wherry.kube.fields import BadObject
from wherry.kube.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def project(object_: Mapping[str, Any]) -> Service:
    """Raises BadObject."""
    meta = fields.mapping(object_, "metadata")
    spec = fields.mapping(object_, "spec")
    return Service(
        namespace=fields.namespace(meta),
        name=fields.name(meta),
        uid=fields.text(meta, "metadata.uid"),
        created=fields.created(meta),
        type=fields.text(spec, "spec.type", "ClusterIP"),
        cluster_ip=fields.text(spec, "spec.clusterIP"),
        external_name=fields.text(spec, "spec.externalName"),
        ports=tuple(_port(p, f"spec.ports[{i}]") for i, p in enumerate(fields.items(spec, "spec.ports"))),
        annotations=own_annotations(meta),
    )


def own_annotations(meta: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The annotations under ``wherry.dev/``, without the prefix, sorted.  Raises BadObject."""
    found = fields.mapping(meta, "metadata.annotations")
    ours = []
    for key, value in found.items():
        if isinstance(key, str) and key.lower().startswith(ANNOTATION_PREFIX):
            # YAML reads an unquoted `8080` or `true` as no string; the API server would refuse both.
            if not isinstance(value, str):
                raise BadObject(f'metadata.annotations["{key}"] is not a string: quote it')
            if not key.startswith(ANNOTATION_PREFIX):
                raise BadObject(
                    f'metadata.annotations["{key}"]: write {ANNOTATION_PREFIX} in small letters'
                )
            ours.append((key[len(ANNOTATION_PREFIX) :], value))
    return tuple(sorted(ours)) if ours else ()


def _port(value: object, where: str) -> Port:
    if not isinstance(value, dict):
        raise BadObject(f"{where} is not a mapping")
    number = fields.port(value, f"{where}.port")
    target = value.get("targetPort", number)
    if isinstance(target, bool) or not isinstance(target, int | str):
        raise BadObject(f"{where}.targetPort is neither a number nor a name")
    protocol = fields.text(value, f"{where}.protocol", "TCP")
    spoken = fields.text(value, f"{where}.appProtocol")
    return Port(fields.text(value, f"{where}.name"), number, target, protocol, spoken)


def _came(before: object, _now: object) -> bool:
    return before is None


SERVICES: Resource[Service] = Resource("", "v1", "services", "Service", project, _came)
