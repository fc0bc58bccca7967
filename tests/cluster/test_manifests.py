"""The pod's manifests, applied by kubectl to a real API server; its account may do what it needs, no more.

There is no node here: what the pod does is tested beside it, container by container.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.apiserver import ApiServer
from cluster.kubectl import Kubectl
from cluster.objects import service
from support.wherry import Wherry

DEPLOY = Path(__file__).parents[2] / "deploy/nginx"


@pytest.fixture
def kubectl(api: ApiServer) -> Iterator[Kubectl]:
    one = Kubectl(api.programs, api.kubeconfig())
    yield one
    # The namespace stays: there is no controller here that would end it.
    kinds = "deployment,service,poddisruptionbudget,networkpolicy,serviceaccount"
    one("-n", "wherry", "delete", kinds, "--all")
    one("delete", "clusterrolebinding,clusterrole", "wherry-nginx-wherry")


def test_kubectl_applies_the_folder_and_what_the_command_prints(
    kubectl: Kubectl, wherry: Wherry, tmp_path: Path
) -> None:
    said = kubectl("apply", "-k", str(DEPLOY)).splitlines()
    assert {line.split()[0] for line in said} == {
        "namespace/wherry",
        "serviceaccount/nginx",
        "clusterrole.rbac.authorization.k8s.io/wherry-nginx-wherry",
        "clusterrolebinding.rbac.authorization.k8s.io/wherry-nginx-wherry",
        "deployment.apps/nginx",
        "service/nginx",
        "poddisruptionbudget.policy/nginx",
        "networkpolicy.networking.k8s.io/nginx",
    }
    printed = wherry("proxy", "manifests", "--replicas", "5", "--endpoints")
    again = kubectl("apply", "-f", "-", text=printed)
    assert "deployment.apps/nginx configured" in again and "clusterrole" in again
    deployment = json.loads(kubectl("-n", "wherry", "get", "deployment", "nginx", "-o", "json"))
    assert deployment["spec"]["replicas"] == 5
    pod = deployment["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["initContainers"]] == ["render"]
    assert [c["name"] for c in pod["containers"]] == ["nginx", "generate"]


def test_the_account_of_the_pod_renders_and_sees_nothing_else(
    api: ApiServer, kubectl: Kubectl, wherry: Wherry, tmp_path: Path
) -> None:
    kubectl("apply", "-k", str(DEPLOY))
    api.create(service("shop", "web", {"wherry.dev/expose": "true"}))
    api.create(service("shop", "hidden"))
    config = api.write_kubeconfig("pod", {"token": api.token("wherry", "nginx")})
    words = ("--kubeconfig", str(config), "--wait", "10", "--selector", "wherry.dev/expose=true")
    text = wherry("proxy", "render", "--all-namespaces", *words)
    assert "web.shop.cluster.local" in text and "hidden" not in text
    as_pod = ("--as", "system:serviceaccount:wherry:nginx")
    for verb, what in (
        ("get", "secrets"),
        ("list", "pods"),
        ("create", "services"),
        ("list", "configmaps"),
    ):
        done = kubectl.run("auth", "can-i", verb, what, "-A", *as_pod)
        assert done.stdout.strip() == "no", (verb, what)
