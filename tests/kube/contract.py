"""Scenarios of list and watch that any API server can play: a real one and the fake.

`api` has create, replace, delete, compact, stop, start, kubeconfig; `follower` follows it meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from support.services import endpoint, service, slice_of
from support.waiting import wait_until
from wherry.kube.access import Finder
from wherry.kube.client import Client
from wherry.kube.reflector import Policy
from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES
from wherry.proxy.resources.service import SERVICES
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.sources.cluster import Cluster

QUICK = Policy(
    page_size=3, watch=2.0, inactivity=4.0, page=3.0, connect=2.0, first_pause=0.01, longest_pause=0.1
)


class Follower:
    """A cluster source that runs; implements model.Sink by remembering."""

    def __init__(
        self,
        kubeconfig: str,
        namespaces: tuple[str, ...] = ("",),
        selector: str = "",
        policy: Policy = QUICK,
        stop: threading.Event | None = None,
    ) -> None:
        self.said: list[str] = []
        client = Client(Finder(kubeconfig), policy)
        self.source = Cluster(client, namespaces, selector, self.said.append, policy)
        self.snapshots: list[Snapshot] = []
        self.heard = 0
        self.restarts: list[str] = []
        self._stop = stop or threading.Event()
        self._thread = threading.Thread(target=self.source.run, args=(self, self._stop), name="follower")

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive(), "it stops when it is told to"

    def snapshot(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def heartbeat(self) -> None:
        self.heard += 1

    def restarted(self, reason: str) -> None:
        self.restarts.append(reason)

    def names(self) -> set[str]:
        """The Services it knows now, but the API server's own."""
        if not self.snapshots:
            return set()
        return {s.name for s in self.snapshots[-1].of(SERVICES)} - {"kubernetes"}

    def knows(self, *names: str) -> None:
        wait_until(
            lambda: self.snapshots and self.names() == set(names), f"{names} known, not {self.names()}"
        )


Follow = Callable[..., Follower]


def every_page_of_a_list_is_read(api: Any, follow: Follow) -> None:
    for number in range(10):
        api.create(service(f"s{number}"))
    with follow() as follower:
        follower.knows(*(f"s{n}" for n in range(10)))


def a_list_that_is_large_arrives_whole(api: Any, follow: Follow) -> None:
    """From 128 KiB servers compress what they send."""
    for number in range(8):
        large = service(f"s{number}")
        large["metadata"]["annotations"] = {"large": f"{number}" * 40_000}
        api.create(large)
    with follow(policy=QUICK._replace(page_size=500)) as follower:
        follower.knows(*(f"s{n}" for n in range(8)))


def what_happens_is_followed(api: Any, follow: Follow) -> None:
    api.create(service("one"))
    with follow() as follower:
        follower.knows("one")
        api.create(service("two"))
        follower.knows("one", "two")
        api.replace(service("two", annotations={"host": "two.example"}))
        wait_until(
            lambda: (
                ("host", "two.example")
                in [a for s in follower.snapshots[-1].of(SERVICES) for a in s.annotations]
            )
        )
        api.delete("Service", "default", "one")
        follower.knows("two")


def labels_bring_a_service_in_and_out(api: Any, follow: Follow) -> None:
    api.create(service("one"))
    with follow(selector="app=web,tier notin (test)") as follower:
        wait_until(lambda: follower.snapshots)
        follower.knows()
        for labels, names in (
            ({"app": "web"}, ("one",)),
            ({"app": "web", "tier": "test"}, ()),
            ({"app": "web"}, ("one",)),
            ({}, ()),
        ):
            changed = service("one")
            changed["metadata"]["labels"] = labels
            api.replace(changed)
            follower.knows(*names)


def endpoints_follow_their_slices(api: Any, follow: Follow) -> None:
    api.create(service("one"))
    api.create(slice_of("one", endpoint("10.1.0.1")))
    with follow() as follower:

        def addresses() -> tuple[str, ...]:
            slices = (
                [s for s in follower.snapshots[-1].of(ENDPOINT_SLICES) if s.service == "one"]
                if follower.snapshots
                else []
            )
            return slices[0].addresses if slices else ()

        wait_until(lambda: addresses() == ("10.1.0.1",))
        api.replace(slice_of("one", endpoint("10.1.0.1", ready=False), endpoint("10.1.0.2")))
        wait_until(lambda: addresses() == ("10.1.0.2",))


def only_the_namespaces_that_are_named(api: Any, follow: Follow) -> None:
    api.create(service("one", "alpha"))
    api.create(service("two", "beta"))
    api.create(service("three", "gamma"))
    with follow(namespaces=("alpha", "gamma")) as follower:
        follower.knows("one", "three")


def a_server_that_restarts_is_followed_again(api: Any, follow: Follow) -> None:
    api.create(service("one"))
    with follow() as follower:
        follower.knows("one")
        api.stop()
        wait_until(lambda: follower.said)
        assert "trying again in" in follower.said[0] and follower.names() == {"one"}
        api.start()
        api.create(service("two"))
        follower.knows("one", "two")


SCENARIOS = (
    every_page_of_a_list_is_read,
    a_list_that_is_large_arrives_whole,
    what_happens_is_followed,
    labels_bring_a_service_in_and_out,
    endpoints_follow_their_slices,
    only_the_namespaces_that_are_named,
    a_server_that_restarts_is_followed_again,
)
