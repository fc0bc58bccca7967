"""A Kubernetes cluster as a source: Services by label, and the EndpointSlices that belong to them.

EndpointSlices are always followed: they tell a Service without a ready pod (503), and headless ones have
nothing else.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from wherry.errors import ProxyError
from wherry.proxy.kube import faults
from wherry.proxy.kube.faults import Failed
from wherry.proxy.kube.reflector import Policy
from wherry.proxy.kube.resources import SERVICES, SLICES
from wherry.proxy.kube.watcher import Reports, Scope, Watcher
from wherry.proxy.model import EndpointSlice, Rejected, Service, Snapshot
from wherry.proxy.project import SERVICE_NAME_LABEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.proxy.kube.client import Client
    from wherry.proxy.kube.faults import Fault
    from wherry.proxy.kube.reflector import Changes
    from wherry.proxy.model import Sink

ROUTINE = frozenset({faults.TIMEOUT, faults.EXPIRED, faults.DROPPED, faults.SILENT})
"""Ends of a watch that nobody needs to read about when they come once."""

LOOK = 0.5
"""Seconds after which a watcher that crashed is noticed."""

AnyWatcher = Watcher[Service] | Watcher[EndpointSlice]
Values = Sequence[Service | EndpointSlice | Rejected]
"""What a watcher holds."""


class Cluster:
    """Implements model.Source.  `namespaces` ("",) means all; `selector` is kubectl's, checked before."""

    def __init__(
        self,
        client: Client,
        namespaces: Sequence[str],
        selector: str = "",
        say: Callable[[str], object] = lambda line: None,
        policy: Policy = Policy(),  # noqa: B008  a constant
    ) -> None:
        self._client = client
        self._namespaces = tuple(namespaces)
        self._selector = selector
        self._say = say
        self._policy = policy

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
        board = _Board(watchers, sink, self._say)
        threads = [
            threading.Thread(target=board.run, args=(w, stop), name=f"watch {w}", daemon=True)
            for w in watchers
        ]
        for thread in threads:
            thread.start()
        while not stop.wait(LOOK) and board.crash is None:
            pass
        for watcher in watchers:
            watcher.cut()
        if board.crash is not None:
            raise board.crash
        for thread in threads:
            thread.join(1.0)  # one that is connecting takes longer, and is a daemon

    def _watchers(self) -> Sequence[AnyWatcher]:
        found: list[AnyWatcher] = []
        for namespace in self._namespaces:
            services = Scope(namespace, self._selector)
            found.append(Watcher(self._client, SERVICES, services, self._policy))
            slices = Scope(namespace, SERVICE_NAME_LABEL)
            found.append(Watcher(self._client, SLICES, slices, self._policy))
        return found

    def _renew(self) -> None:
        with contextlib.suppress(Failed):  # the request that follows says what is wrong
            self._client.renew()


class _Board:
    """Joins what several watchers report into one source's voice."""

    def __init__(self, watchers: Sequence[AnyWatcher], sink: Sink, say: Callable[[str], object]) -> None:
        self._watchers = watchers
        self._sink = sink
        self._say = say
        self._lock = threading.Lock()
        self._unheard = set(watchers)
        self._trouble: dict[AnyWatcher, str] = {}
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
            held = [w.values for w in self._watchers]
            whole = [values for values in held if values is not None]
            if len(whole) == len(held):
                self._sink.snapshot(_snapshot(whole)._replace(urgent=changes.urgent))

    def _troubled(self, watcher: AnyWatcher, fault: Fault, seconds: float) -> None:
        """Say it, once, unless it is of the kind that happens every day and passes at the next try."""
        with self._lock:
            before = self._trouble.get(watcher)
            again = before is not None
            self._trouble[watcher] = fault.message if again or fault.kind not in ROUTINE else ""
            news = self._trouble[watcher] not in ("", before)
        if news:
            hint = f" ({fault.hint})" if fault.hint else ""
            self._say(f"cluster: {fault.message}{hint}; trying again in {seconds:.1f} s")


def _listed(watchers: Sequence[AnyWatcher]) -> Sequence[Values]:
    """List all at once: the server makes one page while we read another.  Raises the first Failed."""

    def work(watcher: AnyWatcher, future: Future[Values]) -> None:
        try:
            future.set_result(watcher.list(time.sleep))
        except BaseException as error:
            future.set_exception(error)

    futures = []
    for watcher in watchers:
        future: Future[Values] = Future()
        # Daemons, so that an interrupted `render` ends at once; a pool would wait for its threads.
        threading.Thread(target=work, args=(watcher, future), name=f"list {watcher}", daemon=True).start()
        futures.append(future)
    wait(futures)
    return [future.result() for future in futures]


def _snapshot(held: Sequence[Values]) -> Snapshot:
    everything = [value for values in held for value in values]
    return Snapshot(
        [v for v in everything if isinstance(v, Service)],
        [v for v in everything if isinstance(v, EndpointSlice)],
        [v for v in everything if isinstance(v, Rejected)],
    )
