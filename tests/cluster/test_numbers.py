"""What the pod takes, and how long it is away: measured and printed; and tested that it heals."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.installed import Cluster, Door, installed
from cluster.node import Usage
from cluster.programs import wait
from cluster.traffic import ask
from cluster.workload import service

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]
SERVICES = 300
TIMES = int(os.environ.get("WHERRY_TURNS", "2"))
IDLE = float(os.environ.get("WHERRY_IDLE", "30"))
"""Seconds over which the idle pod's processor time is counted."""


@pytest.fixture(scope="module")
def alone(cluster: Cluster, apps: str) -> Iterator[Door]:
    """The only nginx pods of the cluster."""
    one = installed(cluster, "numbers", "clusterip")
    one.is_answered("steady.example", "pod:steady")
    yield one
    cluster.kubectl("delete", "namespace", one.namespace, "--wait=false")


class Gap(threading.Thread):
    """Asks one address without a pause; `longest` is the time without an answer."""

    def __init__(self, address: str, host: str) -> None:
        super().__init__()
        self._where = (address, host)
        self._ends = threading.Event()
        self.answered = self.longest = 0.0
        self.times = 0
        self.start()

    def run(self) -> None:
        self.answered = time.monotonic()
        while not self._ends.wait(0.002):
            if ask(*self._where).startswith("pod:"):
                now = time.monotonic()
                self.longest, self.answered = max(self.longest, now - self.answered), now
                self.times += 1

    def goes_on(self) -> None:
        """Waits for fifty more answers."""
        enough = self.times + 50
        wait(lambda: self.times > enough, "it is not answered again", 120)

    def end(self) -> float:
        self._ends.set()
        self.join()
        return self.longest


@pytest.mark.parametrize("killed", ["nginx", "container"])
def test_how_long_a_pod_whose_nginx_was_killed_is_silent(
    alone: Door, killed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    node = alone.cluster.node
    kill: Callable[[Any, str], None] = node.kill_master if killed == "nginx" else node.kill_container
    seconds = []
    for pod in alone.nginx():  # once each: a container that ends twice is begun later
        gap = Gap(f"{pod['status']['podIP']}:8080", "steady.example")
        gap.goes_on()
        kill(pod, "nginx")
        gap.goes_on()
        seconds.append(gap.end())
    alone.cluster.rolled_out(alone.namespace, "nginx")
    tell(capsys, f"{killed} killed: its port answers again after", seconds)


def test_how_long_a_new_pod_takes_until_it_is_ready(
    alone: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster, seconds = alone.cluster, []
    for _ in range(TIMES):
        before = {pod["metadata"]["name"] for pod in alone.nginx()}
        cluster.kubectl("-n", alone.namespace, "scale", "deployment/nginx", "--replicas=3")
        begun = time.monotonic()
        wait(lambda: is_ready(alone, before), "the new pod is not ready")  # noqa: B023
        seconds.append(time.monotonic() - begun)
        cluster.kubectl("-n", alone.namespace, "scale", "deployment/nginx", "--replicas=2")
        wait(lambda: len(alone.nginx()) == 2, "it does not go")
    tell(capsys, "a new pod is Ready after", seconds)


def is_ready(door: Door, before: set[str]) -> bool:
    path = f"api/v1/namespaces/{door.namespace}/pods"
    pods = door.cluster.node.api.ask("GET", path)["items"]
    stay = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    new = [pod for pod in stay if pod["metadata"]["name"] not in before]
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for pod in new
        for condition in pod["status"].get("conditions", ())
    )


def test_what_containers_take_with_three_hundred_services(
    alone: Door, apps: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster, node = alone.cluster, alone.cluster.node
    names = [f"n-{number}" for number in range(SERVICES)]
    cluster.apply(*(service(apps, name, "one", f"{name}.example") for name in names))
    pod, *_ = alone.nginx()
    for name in names:
        alone.is_answered(f"{name}.example", "pod:one", f"{pod['status']['podIP']}:8080")
    time.sleep(30)  # until new addresses have settled, the last reload is over, and old workers have gone
    before = {name: node.usage(pod, name) for name in ("nginx", "generate")}
    time.sleep(IDLE)
    lines, wakes = [], {}
    for name, first in before.items():
        now: Usage = node.usage(pod, name)
        busy = 100 * (now.seconds - first.seconds) / IDLE
        wakes[name] = (now.wakes - first.wakes) / IDLE
        lines.append(
            f"{name} {busy:.3f} % of a CPU, {wakes[name]:.2f} wakes a second,"
            f" {now.proportional:.1f} MiB (PSS), {now.processes} processes:"
            f" {', '.join(f'{each:.1f}' for each in now.resident)} MiB (RSS)"
        )
    cluster.kubectl("-n", apps, "delete", "service", *names)
    with capsys.disabled():
        print(f"\nidle for {IDLE:.0f} s, 300 Services, load {os.getloadavg()[0]:.1f}:", *lines, sep="\n  ")
    # A look each half second would be 2; it is probes, a heartbeat and bookmarks.
    assert max(wakes.values()) < 1.5


def tell(capsys: pytest.CaptureFixture[str], what: str, seconds: list[float]) -> None:
    with capsys.disabled():
        listed = ", ".join(f"{each:.2f}" for each in sorted(seconds))
        print(f"\n{what} {statistics.median(seconds):.2f} s ({listed}), load {os.getloadavg()[0]:.1f}")
