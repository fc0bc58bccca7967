"""Kubernetes objects as small as they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"


def service(namespace: str, name: str, labels: Mapping[str, str] | None = None, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": spec or {"ports": [{"name": "http", "port": 80}]},
    }


def endpoint_slice(namespace: str, service: str, endpoints: Sequence[Object], name: str = "") -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name or f"{service}-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": list(endpoints),
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


def endpoint(address: str, *, ready: bool = True, terminating: bool = False) -> Object:
    conditions = {"ready": ready, "serving": ready or terminating, "terminating": terminating}
    return {"addresses": [address], "conditions": conditions}


def account(namespace: str, name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace},
    }


def secret(namespace: str, name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}


def role(kind: str, namespace: str, name: str, rules: Sequence[Object]) -> Object:
    """A Role, or a ClusterRole (its `namespace` is "")."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": name} | ({"namespace": namespace} if namespace else {}),
        "rules": list(rules),
    }


def binding(role: Object, subject: Object) -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": f"{role['kind']}Binding",
        "metadata": dict(role["metadata"]),
        "roleRef": {"apiGroup": RBAC, "kind": role["kind"], "name": role["metadata"]["name"]},
        "subjects": [subject],
    }


def user(name: str) -> Object:
    return {"apiGroup": RBAC, "kind": "User", "name": name}


def account_subject(namespace: str, name: str) -> Object:
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


FOLLOW = [
    {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
]
"""All that following a cluster needs."""
