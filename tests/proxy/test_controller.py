"""When a table is published, and when it waits: sources that say what a test tells them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from support.services import endpoint, service, slice_of, snapshot
from support.waiting import PATIENCE
from wherry.proxy import controller
from wherry.proxy.controller import Controller
from wherry.proxy.graph.options import Options
from wherry.proxy.model import Table
from wherry.proxy.monitor import Monitor
from wherry.proxy.sources.source import Sink


class Told:
    """A source that says what it is told, and the tables that are published."""

    def __init__(self, options: Options) -> None:
        self.published: queue.SimpleQueue[Table] = queue.SimpleQueue()
        self._said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._controller = Controller({"cluster": self}, options, self.published.put, Monitor())
        self._thread = threading.Thread(target=self._controller.run, args=(self._stop,))
        self._thread.start()

    def run(self, sink: Sink, stop: threading.Event) -> None:
        while (found := self._said.get()) is not None:
            sink.snapshot(found)

    def list(self) -> Any:
        raise NotImplementedError

    def say(self, *objects: dict[str, Any], urgent: bool = False) -> None:
        self._said.put(snapshot(*objects)._replace(urgent=urgent))

    def addresses(self) -> list[tuple[str, ...]]:
        """Of the next table that is published."""
        return [route.addresses for route in self.published.get(timeout=PATIENCE).routes]

    def end(self) -> None:
        self._said.put(None)
        self._stop.set()
        self._controller.wake()
        self._thread.join()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits, waits so long that nothing comes too late for it."""
    monkeypatch.setattr(controller, "WINDOW", PATIENCE)
    monkeypatch.setattr(controller, "LONGEST", PATIENCE)


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Told]:
    one = Told(Options(slices=True, **getattr(request, "param", {})))
    one.say()
    assert one.addresses() == []
    yield one
    one.end()


def test_a_service_without_an_endpoint_waits_for_its_endpoints(slow: None, cluster: Told) -> None:
    """One table for both, although the Service came alone and was urgent."""
    cluster.say(service(), urgent=True)
    cluster.say(service(), slice_of("web", endpoint("10.1.0.1")), urgent=True)
    assert cluster.addresses() == [("10.0.0.1:80",)]


def test_a_service_whose_endpoints_do_not_come_is_published_without_them(cluster: Told) -> None:
    cluster.say(service(), urgent=True)
    assert cluster.addresses() == [()]


def test_an_endpoint_that_goes_is_published_at_once(cluster: Told) -> None:
    cluster.say(service(), slice_of("web", endpoint("10.1.0.1")), urgent=True)
    assert cluster.addresses() == [("10.0.0.1:80",)]
    cluster.say(service(), slice_of("web", endpoint("10.1.0.1", ready=False)))
    assert cluster.addresses() == [()]


@pytest.mark.parametrize("cluster", [{"settle": 3600}], indirect=True)
def test_a_second_service_waits_for_its_endpoints_while_the_first_is_new(slow: None, cluster: Told) -> None:
    first = (service(), slice_of("web", endpoint("10.1.0.1")))
    second = (service("two", clusterIP="10.0.0.2"), slice_of("two", endpoint("10.1.0.2")))
    cluster.say(*first, urgent=True)
    assert cluster.addresses() == [("10.1.0.1:8080",)]
    cluster.say(*first, second[0], urgent=True)
    cluster.say(*first, *second, urgent=True)
    assert sorted(cluster.addresses()) == [("10.1.0.1:8080",), ("10.1.0.2:8080",)]


@pytest.mark.parametrize("cluster", [{"settle": 0.2}], indirect=True)
def test_time_alone_moves_requests_to_an_address_that_was_new(cluster: Told) -> None:
    cluster.say(service(), slice_of("web", endpoint("10.1.0.1")), urgent=True)
    assert cluster.addresses() == [("10.1.0.1:8080",)]
    assert cluster.addresses() == [("10.0.0.1:80",)]
