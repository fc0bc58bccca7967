"""How long after an API server's return wherry follows it again: its own part, without controllers."""

from __future__ import annotations

import os
import statistics
import time

import pytest

from cluster.apiserver import ApiServer
from cluster.follower import following
from cluster.objects import service
from wherry.kube.access import Finder
from wherry.kube.reflector import Policy

pytestmark = pytest.mark.timeout(900)
TIMES = int(os.environ.get("WHERRY_TURNS", "1"))
AWAY = float(os.environ.get("WHERRY_AWAY", "5"))
"""Seconds for which the server is away."""


def test_a_server_that_comes_back_is_followed_again(
    api: ApiServer, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.create(service(namespace, "web"))
    seconds = []
    with following(Finder(str(api.kubeconfig())), [namespace], policy=Policy()) as follower:
        for turn in range(TIMES):
            follower.until(lambda: f"{namespace}/web" in follower.services, "it is not followed")
            api.stop()
            time.sleep(AWAY)
            api.start()  # returns when the server says that it is ready
            begun = time.monotonic()
            api.create(service(namespace, f"after-{turn}"))
            follower.until(lambda: f"{namespace}/after-{turn}" in follower.services, "it is not heard of")  # noqa: B023
            seconds.append(time.monotonic() - begun)
    with capsys.disabled():
        listed = ", ".join(f"{each:.2f}" for each in seconds)
        middle = statistics.median(seconds)
        print(
            f"\nfollowed again {middle:.2f} s after a return from {AWAY:.0f} s ({listed}), load "
            f"{os.getloadavg()[0]:.1f}"
        )
