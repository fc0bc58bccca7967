"""Rollouts, scalings and deletions, one after another, under load: who is not answered, and what grows.

``WHERRY_CHURN=200 pytest -s tests/cluster/test_churn.py`` takes half an hour and prints what it saw.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator

import pytest

from cluster.installed import MODES, Cluster, Door, installed
from cluster.node import Usage
from cluster.programs import wait
from cluster.traffic import Load
from cluster.workload import deployment, service

pytestmark = [pytest.mark.node, pytest.mark.timeout(7200)]
TIMES = int(os.environ.get("WHERRY_CHURN", "8"))
APPS = ("red", "blue")
KINDS = ("rollout", "scale up", "pods deleted", "scale down", "service made again")
CONTAINERS = ("nginx", "generate")


@pytest.fixture(scope="module")
def churned(cluster: Cluster) -> Iterator[str]:
    """A namespace with two Deployments of two pods each, behind a Service each."""
    namespace = "churned"
    cluster.kubectl("create", "namespace", namespace)
    image = cluster.image("wherry-python")
    cluster.apply(*(deployment(namespace, name, image, 2) for name in APPS))
    cluster.apply(*(service(namespace, name, name, f"{name}.example") for name in APPS))
    for name in APPS:
        cluster.rolled_out(namespace, name)
    yield namespace
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize("mode", MODES)
def test_whatever_happens_behind_it_no_request_fails(
    cluster: Cluster, churned: str, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    door = installed(cluster, f"churn-{mode}", mode)
    done: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for name in APPS:
            door.is_answered(f"{name}.example", f"pod:{name}")
        loads = [stack.enter_context(Load(door.address, f"{name}.example", clients=1)) for name in APPS]
        usages = [taken(door)]
        for turn in range(TIMES):
            kind, app = KINDS[turn // len(APPS) % len(KINDS)], APPS[turn % len(APPS)]
            happens(cluster, churned, app, kind, turn)
            done[kind] += 1
            usages.append(taken(door))
    for load in loads:
        failures.update(load.failures)
    requests = sum(sum(load.seen.values()) for load in loads)
    cluster.kubectl("delete", "namespace", door.namespace, "--wait=false")
    with capsys.disabled():
        print(f"\n{mode}: {dict(done)}; {requests} requests, failed: {dict(failures)}; {grown(usages)}")
    assert failures == {}


def happens(cluster: Cluster, namespace: str, app: str, kind: str, turn: int) -> None:
    """One change behind `app`, until Kubernetes says that it is done."""
    of = ("-n", namespace)
    if kind == "rollout":
        image = cluster.image("wherry-python")
        cluster.apply(deployment(namespace, app, image, 2, f"turn-{turn}"))
    elif kind == "pods deleted":
        first = cluster.pods(namespace, f"app={app}")[0]["metadata"]["name"]
        cluster.kubectl(*of, "delete", "pod", first, "--wait=false")
    elif kind == "service made again":
        # Its requests have nowhere to go meanwhile: another one, whose host nobody asks for.
        other = service(namespace, f"{app}-other", app, f"{app}-other.example")
        cluster.apply(other)
        cluster.kubectl(*of, "delete", "service", f"{app}-other")
    else:
        replicas = "4" if kind == "scale up" else "2"
        cluster.kubectl(*of, "scale", f"deployment/{app}", f"--replicas={replicas}")
    cluster.rolled_out(namespace, app)
    if kind in ("scale down", "rollout"):
        wait(lambda: len(cluster.pods(namespace, f"app={app}")) == 2, "there are others")


def taken(door: Door) -> dict[str, Usage]:
    (pod, *_) = door.nginx()
    return {name: door.cluster.node.usage(pod, name) for name in CONTAINERS}


def grown(usages: list[dict[str, Usage]]) -> str:
    """What the containers of a pod held at the start, in the middle and at the end."""
    words = []
    for name in CONTAINERS:
        of = [usages[0][name], usages[len(usages) // 2][name], usages[-1][name]]
        held = " -> ".join(f"{one.proportional:.1f} MiB, {one.files} files" for one in of)
        words.append(f"{name}: {held}")
    return "; ".join(words)
