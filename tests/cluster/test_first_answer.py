"""From kubectl's return to the first answer of every replica, and what takes the time on the way.

``WHERRY_TURNS=30 pytest -s tests/cluster/test_first_answer.py`` measures it, and prints.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster.follower import Follower, following
from cluster.installed import MODES, Cluster, Door, installed
from cluster.traffic import ask
from cluster.workload import service
from wherry.kube.access import Finder

pytestmark = [pytest.mark.node, pytest.mark.timeout(1800)]
TURNS = int(os.environ.get("WHERRY_TURNS", "3"))
QUIET = 1.5
"""Seconds after which nothing of the turn before is under way."""
LONGEST = 30.0
Times = dict[str, float]


@pytest.mark.parametrize("mode", MODES)
def test_a_new_service_is_answered_by_every_replica_and_no_request_fails(
    cluster: Cluster, apps: str, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    door = installed(cluster, f"first-{mode}", mode)
    door.is_answered("steady.example", "pod:steady")
    measured: list[Times] = []
    said: set[str] = set()
    with following(Finder(str(cluster.node.api.kubeconfig())), [apps]) as follower:
        for number in range(TURNS):
            time.sleep(QUIET)
            turn = Turn(door, follower, f"first-{number}")
            measured.append(turn.run(apps))
            said |= turn.said
            cluster.kubectl("-n", apps, "delete", "service", turn.name)
    cluster.kubectl("delete", "namespace", door.namespace, "--wait=false")
    with capsys.disabled():
        print(f"\n{mode}: {table(measured)}")
    assert said <= {"404", "503", "pod"}, said


class Turn:
    """A Service that is created; times are seconds after kubectl's return."""

    def __init__(self, door: Door, follower: Follower, name: str) -> None:
        self.name = name
        self.said: set[str] = set()
        self._door, self._follower = door, follower
        self._seen: Times = {}

    def run(self, namespace: str) -> Times:
        pods = self._door.nginx()
        key = f"{namespace}/{self.name}"
        slices, services = self._follower.slices, self._follower.services
        assert key not in services and not any(f"{s.namespace}/{s.service}" == key for s in slices.values())
        work = [
            self._until("a watch hears of the Service", lambda: key in self._follower.services),
            self._until("a watch hears of its pods", lambda: self._has_pods(key)),
        ]
        thing = json.dumps(service(namespace, self.name, "one", f"{self.name}.example"))
        made = json.loads(self._door.cluster.kubectl("create", "-o", "json", "-f", "-", text=thing))
        returned = time.monotonic()
        # A client of its own for each pod: each asks again as soon as it has been answered.
        for pod in pods:
            title = f"replica {pods.index(pod) + 1} answers"
            work.append(self._until(title, lambda pod=pod, title=title: self._is_answered(pod, title)))
        address = made["spec"]["clusterIP"]
        work.append(self._until("kube-proxy's address answers", lambda: connects(address, 80)))
        for thread in work:
            thread.join()
        shift = time.time() - time.monotonic()
        for what, name in (("written", "default.conf"), ("in force", ".wherry/status.json")):
            files = [self._door.cluster.node.volume(pod, "conf") / name for pod in pods]
            self._seen[f"last configuration {what}"] = max(f.stat().st_mtime for f in files) - shift
        answered = [when for what, when in self._seen.items() if what.startswith("replica")]
        self._seen["every replica has answered"] = max(answered)
        slowest = self._seen.pop("slowest", 0.0)
        return {what: when - returned for what, when in self._seen.items()} | {"slowest request": slowest}

    def _until(self, what: str, ready: Callable[[], bool]) -> threading.Thread:
        def run() -> None:
            end = time.monotonic() + LONGEST
            while time.monotonic() < end:
                if ready():
                    self._seen[what] = time.monotonic()
                    return
                time.sleep(0.004)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def _has_pods(self, key: str) -> bool:
        slices = list(self._follower.slices.values())
        return any(f"{s.namespace}/{s.service}" == key and s.addresses for s in slices)

    def _is_answered(self, pod: dict[str, Any], title: str) -> bool:
        begun = time.monotonic()
        said = ask(f"{pod['status']['podIP']}:8080", f"{self.name}.example")
        took = time.monotonic() - begun
        self._seen["slowest"] = max(self._seen.get("slowest", 0.0), took)
        self.said.add(said.partition(":")[0])
        return said.startswith("pod:")


def connects(address: str, port: int) -> bool:
    """A SYN that is lost is not sent again in that time."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), 0.05):
        return True
    return False


def table(measured: list[Times]) -> str:
    head = (
        f"{len(measured)} Services, ms after kubectl's return (p50, longest), load {os.getloadavg()[0]:.1f}"
    )
    lines = [head]
    for what in sorted(measured[0], key=lambda w: statistics.median(t[w] for t in measured)):
        times = [1000 * turn[what] for turn in measured]
        lines.append(f"  {what:32}{statistics.median(times):8.0f}{max(times):8.0f}")
    return "\n".join(lines)
