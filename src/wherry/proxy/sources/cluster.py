"""A Kubernetes cluster as a source: what the table of kinds follows, Services by label.

EndpointSlices are always followed: they tell a Service without a ready pod (503), and headless ones have
nothing else.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

from wherry.errors import ProxyError
from wherry.kube import faults
from wherry.kube.faults import Failed
from wherry.kube.reflector import Policy
from wherry.kube.resource import Invalid
from wherry.kube.watcher import Reports, Scope, Watcher
from wherry.proxy.model import Rejected
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.resources.table import FOLLOWED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wherry.kube.client import Client
    from wherry.kube.faults import Fault
    from wherry.kube.reflector import Changes
    from wherry.kube.resource import Resource
    from wherry.proxy.resources.table import Followed
    from wherry.proxy.sources.source import Sink

ROUTINE = frozenset({faults.TIMEOUT, faults.EXPIRED, faults.DROPPED, faults.SILENT})
"""Ends of a watch that nobody needs to read about when they come once."""

REST = 4
"""Times as long as it took to deliver what there is, nothing more is delivered: with ten thousand objects
milliseconds, while a rollout has thousands of events."""

AnyWatcher = Watcher[Any]
Held = tuple["Resource[Any]", Sequence[Any]]
"""What a watcher follows, and what it holds of it."""


class Cluster:
    """Implements source.Source.  `namespaces` ("",) means all; `selector` is kubectl's, checked before."""

    def __init__(
        self,
        client: Client,
        namespaces: Sequence[str],
        selector: str = "",
        say: Callable[[str], object] = lambda line: None,
        policy: Policy = Policy(),  # noqa: B008  a constant
        followed: Sequence[Followed] = FOLLOWED,
    ) -> None:
        self._client = client
        self._namespaces = tuple(namespaces)
        self._selector = selector
        self._say = say
        self._policy = policy
        self._followed = tuple(followed)

    def list(self) -> Snapshot:
        try:
            held = _listed(self._watchers())
        except Failed as failed:
            if failed.fault.kind in faults.RENEW:
                self._renew()
            raise ProxyError(failed.fault.message, hint=failed.fault.hint) from None
        return _snapshot(held)

    def run(self, sink: Sink, stop: threading.Event) -> None:
        watchers = self._watchers()
        aggregator = _Aggregator(watchers, sink, self._say)
        threads = [
            threading.Thread(target=aggregator.run, args=(w, stop), name=f"watch {w}", daemon=True)
            for w in watchers
        ]
        for thread in threads:
            thread.start()
        threading.Thread(target=_wake_at, args=(stop, aggregator), name="stop", daemon=True).start()
        while not stop.is_set() and aggregator.crash is None:
            stop.wait(REST * aggregator.deliver())
        for watcher in watchers:
            watcher.cut()
        if aggregator.crash is not None:
            raise aggregator.crash
        for thread in threads:
            thread.join(1.0)  # one that is connecting takes longer, and is a daemon

    def _watchers(self) -> Sequence[AnyWatcher]:
        return [
            Watcher(self._client, row.resource, scope, self._policy)
            for index, namespace in enumerate(self._namespaces)
            for row in self._followed
            for scope in self._scope(row, namespace, first=index == 0)
        ]

    def _scope(self, row: Followed, namespace: str, *, first: bool) -> Sequence[Scope]:
        """What is in no namespace is followed once, however many there are."""
        labels = self._selector if row.labels is None else row.labels
        if row.resource.namespaced:
            return (Scope(namespace, labels),)
        return (Scope("", labels),) if first else ()

    def _renew(self) -> None:
        with contextlib.suppress(Failed):  # the request that follows says what is wrong
            self._client.renew()


def _wake_at(stop: threading.Event, aggregator: _Aggregator) -> None:
    """A thread's target: nobody can wait for two events."""
    stop.wait()
    aggregator.wake()


class _Aggregator:
    """Joins what several watchers report into one source's voice."""

    def __init__(self, watchers: Sequence[AnyWatcher], sink: Sink, say: Callable[[str], object]) -> None:
        self._watchers = watchers
        self._sink = sink
        self._say = say
        self._lock = threading.Lock()
        self._unheard = set(watchers)
        self._trouble: dict[AnyWatcher, str] = {}
        self._woken = threading.Event()
        self._different = self._urgent = False
        self.crash: BaseException | None = None

    def run(self, watcher: AnyWatcher, stop: threading.Event) -> None:
        """A thread's target."""
        reports = Reports(
            heard=lambda: self._heard(watcher),
            changed=self._changed,
            restarted=lambda fault: self._sink.restarted(fault.kind if fault else faults.TIMEOUT),
            troubled=lambda fault, seconds: self._troubled(watcher, fault, seconds),
        )
        try:
            watcher.run(reports, stop)
        except BaseException as error:
            self.crash = error
            self.wake()

    def _heard(self, watcher: AnyWatcher) -> None:
        """The source is in touch when each of its watches is: one alone may not speak for a dead one."""
        with self._lock:
            self._unheard.discard(watcher)
            complete = not self._unheard
            if complete:
                self._unheard = set(self._watchers)
            recovered = self._trouble.pop(watcher, "")
        if complete:
            self._sink.heartbeat()
        if recovered:
            self._say(f"cluster: {watcher}: followed again")

    def _changed(self, changes: Changes) -> None:
        with self._lock:
            self._different = True
            self._urgent = self._urgent or changes.urgent
        self.wake()

    def wake(self) -> None:
        """deliver() returns."""
        self._woken.set()

    def deliver(self) -> float:
        """Wait until something is different, and report what there is.

        How long the report took.  Whatever changes meanwhile is in it, or is another time's.
        """
        self._woken.wait()
        self._woken.clear()
        begun = time.monotonic()
        with self._lock:
            different, urgent = self._different, self._urgent
            self._different = self._urgent = False
        held = [(w.resource, values) for w in self._watchers if (values := w.values) is not None]
        if different and len(held) == len(self._watchers):
            self._sink.snapshot(_snapshot(held)._replace(urgent=urgent))
        return time.monotonic() - begun

    def _troubled(self, watcher: AnyWatcher, fault: Fault, seconds: float) -> None:
        """Say it, once, unless it is of the kind that happens every day and passes at the next try."""
        with self._lock:
            before = self._trouble.get(watcher)
            again = before is not None
            self._trouble[watcher] = fault.message if again or fault.kind not in ROUTINE else ""
            worth_saying = self._trouble[watcher] not in ("", before)
        if worth_saying:
            hint = f" ({fault.hint})" if fault.hint else ""
            self._say(f"cluster: {fault.message}{hint}; trying again in {seconds:.1f} s")


def _listed(watchers: Sequence[AnyWatcher]) -> Sequence[Held]:
    """List all at once: the server makes one page while we read another.  Raises the first Failed."""

    def work(watcher: AnyWatcher, future: Future[Sequence[Any]]) -> None:
        try:
            future.set_result(watcher.list(time.sleep))
        except BaseException as error:
            future.set_exception(error)

    futures = []
    for watcher in watchers:
        future: Future[Sequence[Any]] = Future()
        # Daemons, so that an interrupted `render` ends at once; a pool would wait for its threads.
        threading.Thread(target=work, args=(watcher, future), name=f"list {watcher}", daemon=True).start()
        futures.append(future)
    wait(futures)
    return [(w.resource, future.result()) for w, future in zip(watchers, futures, strict=True)]


def _snapshot(held: Iterable[Held]) -> Snapshot:
    objects: dict[Resource[Any], list[Any]] = {}
    rejected: list[Rejected] = []
    for resource, values in held:
        objects.setdefault(resource, []).extend(v for v in values if not isinstance(v, Invalid))
        rejected += (_rejected(v) for v in values if isinstance(v, Invalid))
    return Snapshot(objects, rejected)


def _rejected(invalid: Invalid) -> Rejected:
    name = f"{invalid.namespace}/{invalid.name}" if invalid.namespace else invalid.name
    return Rejected(name, "bad-object", invalid.message)
