"""Getting the image to a node and reaching the pod, as docs/kubernetes.md says: each way, tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.helm import CHART, Helm
from cluster.installed import Cluster
from cluster.programs import Program, wait
from cluster.traffic import ask
from support.podimages import pod_images
from support.ports import free_port
from support.wherry import Wherry

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]
NAMESPACE = "reached"


@pytest.fixture(scope="module")
def imported(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that no registry has, imported into the node's containerd from an archive."""
    folder = tmp_path_factory.mktemp("imported")
    store, name = pod_images(), "imported:1"
    store.build(folder, "FROM wherry:0.1.0\nLABEL of=archive\n", "-t", name)
    store("save", "-o", str(folder / "image.tar"), name)
    done = cluster.node.ctr("images", "import", str(folder / "image.tar"))
    assert done.returncode == 0, done.stderr
    return name


def test_an_archive_is_imported_and_a_port_forwarded(
    cluster: Cluster, imported: str, wherry: Wherry, tmp_path: Path
) -> None:
    words = ("--image", imported, "--into", NAMESPACE, "--replicas", "1", "--service-type", "ClusterIP")
    cluster.kubectl("apply", "-f", "-", text=wherry("proxy", "manifests", *words))
    cluster.rolled_out(NAMESPACE, "nginx")
    port = free_port()
    kubectl = [
        str(cluster.node.api.programs / "kubectl"),
        "--kubeconfig",
        str(cluster.node.api.kubeconfig()),
    ]
    forward = [*kubectl, "-n", NAMESPACE, "port-forward", "service/nginx", f"{port}:80"]
    program = Program(forward, tmp_path / "log")
    try:
        wait(
            lambda: ask(f"127.0.0.1:{port}", "nobody.example") == "404",
            "no answer",
            last_words=program.last_words,
        )
    finally:
        program.stop()
    remove(cluster)


def remove(cluster: Cluster) -> None:
    """As docs/kubernetes.md says."""
    label = f"app.kubernetes.io/part-of=wherry,app.kubernetes.io/instance={NAMESPACE}"
    rights = "clusterrole,clusterrolebinding,role,rolebinding"
    cluster.kubectl("delete", rights, "-A", "-l", label)
    cluster.kubectl("delete", "namespace", NAMESPACE)
    assert cluster.kubectl("get", f"{rights},deployment,service", "-A", "-l", label) == ""


def test_a_pod_in_the_nodes_network_is_reached_at_its_address(
    cluster: Cluster, imported: str, helm: Helm
) -> None:
    helm = helm.to(cluster.node.api.kubeconfig())
    values = ["--set", "hostNetwork=true", "--set", "service.type=ClusterIP", "--set", "replicas=1"]
    values += ["--set", "image.repository=imported", "--set-string", "image.tag=1"]
    helm("install", "onnode", CHART, "-n", "onnode", "--create-namespace", "--wait", *values)
    address = cluster.node.networks.node
    wait(lambda: ask(f"{address}:8080", "nobody.example") == "404", "no answer")
    for port in (9113, 9114):
        assert "refused" in ask(f"{address}:{port}", "any", "/metrics"), "it is the node's own"
    cluster.kubectl("-n", "onnode", "rollout", "restart", "deployment/nginx")
    cluster.rolled_out("onnode", "nginx")
    helm("uninstall", "onnode", "-n", "onnode", "--wait")
