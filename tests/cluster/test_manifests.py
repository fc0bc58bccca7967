"""The pod's manifests, applied by kubectl to a real API server; its account may do what it needs, no more.

There is no node here: what the pod does is tested beside it, container by container.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    one("delete", "clusterrolebinding,clusterrole", "wherry-nginx-wherry", "--ignore-not-found")


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


def test_applied_twice_nothing_is_changed_however_it_is_applied(kubectl: Kubectl) -> None:
    """As GitOps does it, for ever: what the server makes of the objects is no difference.

    kubectl sends a budget's selector again each time, whatever it is (its patch strategy is "replace").
    """
    kubectl("apply", "-k", str(DEPLOY))
    again = kubectl("apply", "-k", str(DEPLOY)).splitlines()
    changed = [line.split()[0] for line in again if not line.endswith(" unchanged")]
    assert len(again) == 8 and changed == ["poddisruptionbudget.policy/nginx"]
    assert kubectl("diff", "-k", str(DEPLOY)) == ""
    versions = kubectl(*VERSIONS)
    for _ in range(2):
        kubectl("apply", "--server-side", "-k", str(DEPLOY))
        assert kubectl("diff", "--server-side", "-k", str(DEPLOY)) == ""
    before = kubectl(*VERSIONS)
    kubectl("apply", "--server-side", "-k", str(DEPLOY))
    assert kubectl(*VERSIONS) == before and versions.count("\n") == before.count("\n")


VERSIONS = (
    *("-n", "wherry", "get", "deployment,service,poddisruptionbudget,networkpolicy,serviceaccount"),
    *("-o", 'jsonpath={range .items[*]}{.kind} {.metadata.resourceVersion}{"\\n"}{end}'),
)


@pytest.mark.parametrize("overlay", ["hostnetwork", "endpoints", "nodeport", "plain"])
@pytest.mark.parametrize("side", [(), ("--server-side",)], ids=["client", "server"])
def test_from_one_overlay_to_another_and_back_nothing_is_left_of_it(
    kubectl: Kubectl, overlay: str, side: tuple[str, ...]
) -> None:
    def applied(folder: Path) -> list[object]:
        kubectl("apply", *side, "-k", str(folder))
        found = kubectl.get("-n", "wherry", "deployment,service")["items"]
        return [masked(thing) for thing in found]

    first = applied(DEPLOY)
    other = applied(DEPLOY.parent / "overlays" / overlay)
    assert other != first
    assert applied(DEPLOY) == first


def masked(thing: dict[str, Any]) -> object:
    """What was asked for; the server chooses node ports anew."""
    for port in thing["spec"].get("ports", ()):
        port.pop("nodePort", None)
    return thing["kind"], thing["spec"]


def test_what_the_page_says_removes_all_of_it_where_other_things_are(kubectl: Kubectl) -> None:
    """The rights first, then what is in the namespace, which stays with what else is there."""
    page = (Path(__file__).parents[2] / "docs/kubernetes.md").read_text().partition("## Removing it")[2]
    lines = [line for line in page.splitlines() if line.startswith("kubectl ")]
    (rights,) = (line for line in lines if "clusterrole" in line)
    (rest,) = (line for line in lines if "-n wherry delete" in line)
    kubectl("apply", "-k", str(DEPLOY))
    kubectl("-n", "wherry", "create", "service", "clusterip", "other", "--tcp=80")
    for line in (rights, rest):
        kubectl(*shlex.split(line)[1:])
    kinds = "deployment,service,serviceaccount,poddisruptionbudget,networkpolicy,role,rolebinding"
    left = kubectl.get(
        f"{kinds},clusterrole,clusterrolebinding", "-A", "-l", "app.kubernetes.io/part-of=wherry"
    )
    assert left["items"] == []
    kubectl("-n", "wherry", "delete", "service", "other")
