"""Services and EndpointSlices as the API server would send them, and the routes they make."""

from __future__ import annotations

from typing import Any

from wherry.proxy.graph.options import Options
from wherry.proxy.model import Table
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.resources.table import FOLLOWED
from wherry.proxy.routes import Router


def service(name: str = "web", namespace: str = "default", **changes: Any) -> dict[str, Any]:
    """A v1 Service.  `annotations` are given without their prefix; `spec` keys are merged."""
    annotations = {f"wherry.dev/{k}": v for k, v in changes.pop("annotations", {}).items()}
    meta = {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}"}
    meta |= {"creationTimestamp": changes.pop("created", "2026-01-01T00:00:00Z")}
    if annotations:
        meta["annotations"] = annotations
    spec = {"type": "ClusterIP", "clusterIP": "10.0.0.1", "ports": [port(80)], **changes}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def port(number: int, name: str = "", **changes: Any) -> dict[str, Any]:
    return {"port": number, "protocol": "TCP", **({"name": name} if name else {}), **changes}


def endpoint(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": {"ready": True, **conditions}}


def slice_of(
    name: str,
    *endpoints: dict[str, Any],
    ports: list[dict[str, Any]] | None = None,
    namespace: str = "default",
) -> dict[str, Any]:
    """A discovery.k8s.io/v1 EndpointSlice of the Service `name`."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-abc",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": ports if ports is not None else [port(8080)],
        "endpoints": list(endpoints),
    }


def snapshot(*objects: dict[str, Any]) -> Snapshot:
    """What a source would say that has these objects."""
    rows = [row.resource for row in FOLLOWED]
    return Snapshot({r: [r.project(o) for o in objects if o["kind"] == r.kind] for r in rows})


def table(*objects: dict[str, Any], **options: Any) -> Table:
    """The table that these objects make."""
    return Router(Options(**options)).build(snapshot(*objects))
