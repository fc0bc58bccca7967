"""Releases of the chart at an API server without a node: what upgrades leave, and who is in whose way."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cluster.apiserver import ApiServer
from cluster.helm import CHART, Helm
from cluster.kubectl import Kubectl

KINDS = (
    "deployment,service,serviceaccount,poddisruptionbudget,networkpolicy,"
    "clusterrole,clusterrolebinding,role,rolebinding,secret"
)
TURNS: list[dict[str, Any]] = [
    {},
    {"hostNetwork": True, "service": {"type": "ClusterIP", "port": 8000}},
    {"service": {"type": "NodePort", "externalTrafficPolicy": "Local"}},
    {"service": {"type": "ClusterIP"}, "endpoints": True, "replicas": 0},
    {"service": {"annotations": {"a": "b"}}, "namespaces": ["default"], "networkPolicy": False},
    {"replicas": None},
    {"replicas": 1, "runAsUser": None, "podAnnotations": {"c": "d"}},
    {},
]


@pytest.fixture
def kubectl(api: ApiServer) -> Kubectl:
    return Kubectl(api.programs, api.kubeconfig())


def bring(helm: Helm, name: str, namespace: str, values: dict[str, Any]) -> None:
    words = ["upgrade", "--install", name, CHART, "-n", namespace, "--create-namespace"]
    words += ["--reset-values", "-f", "-"]  # of no values at all helm makes those of the release before
    helm(*words, text=yaml.safe_dump(values))


def owned(kubectl: Kubectl, release: str) -> dict[tuple[str, str], Any]:
    found = kubectl.get(KINDS, "-A", "-l", f"app.kubernetes.io/instance={release}")["items"]
    return {(thing["kind"], thing["metadata"]["name"]): thing.get("spec") for thing in found}


def test_no_upgrade_leaves_anything_of_the_one_before(helm: Helm, api: ApiServer, kubectl: Kubectl) -> None:
    """Mode, ports, rights, user: there and back, in one release as in a new one."""
    helm = helm.to(api.kubeconfig())
    for number, values in enumerate(TURNS):
        bring(helm, "turned", "turned", values)
        bring(helm, f"fresh{number}", f"fresh{number}", values)
        upgraded, fresh = owned(kubectl, "turned"), owned(kubectl, f"fresh{number}")
        assert asked(upgraded, "turned") == asked(fresh, f"fresh{number}"), values
        helm("uninstall", f"fresh{number}", "-n", f"fresh{number}")
        assert owned(kubectl, f"fresh{number}") == {}
    helm("uninstall", "turned", "-n", "turned")
    assert owned(kubectl, "turned") == {}


def asked(found: dict[tuple[str, str], Any], release: str) -> dict[tuple[str, str], Any]:
    """Without what the server chooses, and without the release's name."""
    for spec in found.values():
        for field in ("clusterIP", "clusterIPs", "healthCheckNodePort"):
            (spec or {}).pop(field, None)
        for port in (spec or {}).get("ports", ()):
            port.pop("nodePort", None)
    return {(kind, name.replace(release, "")): spec for (kind, name), spec in found.items()}


def test_a_second_release_is_refused_in_one_namespace_and_another_one_is_free(
    helm: Helm, api: ApiServer, kubectl: Kubectl
) -> None:
    helm = helm.to(api.kubeconfig())
    bring(helm, "one", "shared", {})
    before = owned(kubectl, "one")
    words = ("install", "two", CHART, "-n", "shared")
    done = helm.run(*words)
    assert done.returncode != 0 and 'must equal "two": current value is "one"' in done.stderr, done.stderr
    assert owned(kubectl, "one") == before and owned(kubectl, "two") == {}
    bring(helm, "two", "apart", {})
    assert owned(kubectl, "one") == before
    helm("uninstall", "two", "-n", "apart")
    assert owned(kubectl, "one") == before and owned(kubectl, "two") == {}
    helm("uninstall", "one", "-n", "shared")


def test_a_namespace_of_the_longest_name_is_as_good_as_another(
    helm: Helm, api: ApiServer, kubectl: Kubectl
) -> None:
    helm = helm.to(api.kubeconfig())
    name, namespace = "r" * 53, "n" * 63
    bring(helm, name, namespace, {})
    assert ("ClusterRole", f"wherry-nginx-{namespace}") in owned(kubectl, name)
    helm("uninstall", name, "-n", namespace)
    assert owned(kubectl, name) == {}
