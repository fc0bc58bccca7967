"""A cluster with a node, as its tests speak of it; the nginx pod in it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from cluster.kubectl import Kubectl
from cluster.node import Node
from cluster.programs import wait
from cluster.traffic import ask
from wherry import __version__
from wherry.proxy.pod import PodOptions, manifests

Object = dict[str, Any]
MODES = ["clusterip", "endpoints"]
PATIENCE = 180.0
"""Seconds.  Kubernetes' own controllers hear of an API server's return up to a minute and a half later."""


class Cluster(NamedTuple):
    node: Node
    kubectl: Kubectl
    registry: str

    def image(self, name: str) -> str:
        return f"{self.registry}/{name}:{__version__}"

    def apply(self, *things: Object) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": things})
        self.kubectl("apply", "-f", "-", text=text)

    def rolled_out(self, namespace: str, name: str) -> None:
        words = ("rollout", "status", f"deployment/{name}", "--timeout=180s")
        done = self.kubectl.run("-n", namespace, *words, timeout=200)
        assert done.returncode == 0, self._about(namespace)

    def pods(self, namespace: str, label: str) -> list[Object]:
        """Those that are to stay."""
        found = self.kubectl.get("-n", namespace, "pods", "-l", label)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def _about(self, namespace: str) -> str:
        said = self.kubectl("-n", namespace, "get", "pods,events")
        logs = self.kubectl.run(
            "-n", namespace, "logs", "deployment/nginx", "--all-containers", "--tail=20"
        )
        return f"{said}\n{logs.stdout}\n{self.node.last_words()}"


class Door(NamedTuple):
    """An installation, and where its NodePort is."""

    cluster: Cluster
    namespace: str
    address: str

    def nginx(self) -> list[Object]:
        return self.cluster.pods(self.namespace, "app.kubernetes.io/name=nginx")

    def is_answered(self, host: str, said: str, address: str = "") -> None:
        """Waits until `host` is answered by a pod whose name begins so, or by that status."""
        seen: list[str] = []

        def so() -> bool:
            seen.append(ask(address or self.address, host))
            return seen[-1].startswith(said)

        wait(
            so,
            f"{host} is not answered by {said}",
            PATIENCE,
            last_words=lambda: f"{seen[-1]}\n{self.status()}",
        )

    def status(self) -> str:
        words = ("-n", self.namespace, "exec", "deployment/nginx", "-c", "nginx", "--", "wherry", "proxy")
        return self.cluster.kubectl.run(*words, "status").stdout


def door(cluster: Cluster, namespace: str) -> Door:
    cluster.rolled_out(namespace, "nginx")
    port = cluster.kubectl.get("-n", namespace, "service", "nginx")["spec"]["ports"][0]["nodePort"]
    return Door(cluster, namespace, f"{cluster.node.networks.node}:{port}")


def installed(cluster: Cluster, namespace: str, mode: str) -> Door:
    """The pod, in a namespace of its own."""
    options = PodOptions(
        image=cluster.image("wherry"),
        into=namespace,
        service_type="NodePort",
        source=("--selector", "wherry.dev/expose=true"),
        rendering=("--endpoints",) if mode == "endpoints" else (),
    )
    cluster.apply(*manifests(options))
    return door(cluster, namespace)
