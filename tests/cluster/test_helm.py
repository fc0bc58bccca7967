"""The chart in a real cluster: installed, upgraded, rolled back and removed, under load."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from cluster.helm import CHART, Helm
from cluster.installed import Cluster, door
from cluster.traffic import Load
from cluster.workload import deployment, service

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]
NAMESPACE = "charted"


@pytest.fixture
def app(cluster: Cluster) -> Iterator[str]:
    cluster.kubectl("create", "namespace", "charted-app")
    cluster.apply(
        deployment("charted-app", "web", cluster.image("wherry-python")),
        service("charted-app", "web", "web", "charted.example", {"tier": "front"}),
    )
    cluster.rolled_out("charted-app", "web")
    yield "charted-app"
    cluster.kubectl("delete", "namespace", "charted-app", "--wait=false")


def test_helm_installs_upgrades_rolls_back_and_leaves_nothing(
    cluster: Cluster, helm: Helm, app: str
) -> None:
    helm = helm.to(cluster.node.api.kubeconfig())
    values = {
        "image": {"repository": f"{cluster.registry}/wherry"},
        "selector": "tier=front",
        "service": {"type": "NodePort"},
    }

    def bring(verb: str, **more: object) -> None:
        words = [verb, NAMESPACE, CHART, "-n", NAMESPACE, "--wait", "--timeout", "180s", "-f", "-"]
        words += ["--create-namespace"] if verb == "install" else []
        helm(*words, text=yaml.safe_dump(values | more))

    bring("install")
    found = door(cluster, NAMESPACE)
    found.is_answered("charted.example", "pod:web")
    with Load(found.address, "charted.example") as load:
        bring("upgrade", endpoints=True, replicas=3)
        assert args(cluster).count("--endpoints") == 1 and len(found.nginx()) == 3
        helm("rollback", NAMESPACE, "1", "-n", NAMESPACE, "--wait", "--timeout", "180s")
        cluster.rolled_out(NAMESPACE, "nginx")
        assert "--endpoints" not in args(cluster)
    assert load.failures == {}
    refused = helm.run("upgrade", NAMESPACE, CHART, "-n", NAMESPACE, "--set", "replica=3")
    assert refused.returncode != 0 and "replica" in refused.stderr
    helm("uninstall", NAMESPACE, "-n", NAMESPACE, "--wait", "--timeout", "120s")
    kinds = "deployment,service,poddisruptionbudget,networkpolicy,clusterrole,clusterrolebinding,pod"
    label = f"app.kubernetes.io/part-of=wherry,app.kubernetes.io/instance={NAMESPACE}"
    left = json.loads(cluster.kubectl("get", kinds, "-A", "-l", label, "-o", "json"))["items"]
    assert left == []


def args(cluster: Cluster) -> list[str]:
    deployment = cluster.kubectl.get("-n", NAMESPACE, "deployment", "nginx")
    words: list[str] = deployment["spec"]["template"]["spec"]["containers"][1]["args"]
    return words
