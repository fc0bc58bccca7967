"""Services by the thousand, as a cluster has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.proxy.backend import port
from bench.proxy.network import cluster_ip

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = "default"
EXPOSED = ("wherry.dev/expose", "true")
"""The label that the pod's generator asks for."""


def name(number: int) -> str:
    return f"service-{number:05}"


def host(number: int, domain: str = "cluster.local") -> str:
    return f"{name(number)}.{NAMESPACE}.{domain}"


def answer(number: int, turn: int = 0) -> str:
    """What the backend says when it is asked for this Service."""
    return f"{cluster_ip(number)}:{port(turn)}"


def service(number: int, turn: int = 0) -> dict[str, Any]:
    """Service `number`; another `turn` gives it another port, which is another upstream."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name(number), "namespace": NAMESPACE, "labels": dict([EXPOSED])},
        "spec": {
            "clusterIP": cluster_ip(number),
            "ports": [{"name": "http", "port": port(turn), "protocol": "TCP"}],
        },
    }


def endpoint_slice(number: int) -> dict[str, Any]:
    """Its pods: two that are ready.  Requests go to the ClusterIP; that it has any is what counts."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name(number),
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": name(number)},
        },
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": [f"10.{32 + side}.{number >> 8}.{number & 255}"], "conditions": {"ready": True}}
            for side in (0, 1)
        ],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


def objects(many: range) -> list[Mapping[str, Any]]:
    """All of them, each Service followed by its slice."""
    return [made for number in many for made in (service(number), endpoint_slice(number))]
