"""From sources to a table of routes, and on to whoever publishes it: the loop of all that follow."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Protocol

from wherry.errors import ProxyError, WherryError
from wherry.proxy.garbage import Garbage
from wherry.proxy.model import Table
from wherry.proxy.reload.debounce import Debounce
from wherry.proxy.resources.snapshot import joined
from wherry.proxy.routes import Router, only_unanswerable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.proxy.graph.options import Options
    from wherry.proxy.resources.snapshot import Snapshot
    from wherry.proxy.sources.source import Source

WINDOW = 0.1
LONGEST = 1.0
"""Seconds: changes gather for WINDOW after the last of them, and never longer than LONGEST."""
RETRY = 5.0
"""Seconds until a publication that the machine refused (a full disk) is tried again."""


class Observer(Protocol):
    """Who keeps count (monitor.Monitor).  Any thread may call."""

    def heard(self, source: str) -> None: ...

    def restarted(self, source: str, reason: str) -> None: ...

    def built(self, table: Table, seconds: float) -> None: ...

    def failed(self, error: ProxyError) -> None: ...


class Controller:
    """Runs sources in threads of their own, and publishes a table for every change of any of them.

    Nothing is published before each source has delivered once: half a table would take routes away.
    `publish` is called from the thread that called run, and never twice at once; `rest` before it, which
    gives the seconds that it shall wait.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        options: Options,
        publish: Callable[[Table], object],
        observer: Observer,
        rest: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._sources = sources
        self._rest = rest
        self._router = Router(options)
        self._publish = publish
        self._observer = observer
        self._debounce = Debounce(WINDOW, LONGEST)
        self._garbage = Garbage()
        self._lock = threading.Lock()  # guards what stands below
        self._snapshots: dict[str, Snapshot] = {}
        self._table: Table | None = None  # what was published last
        self._waited = False
        self._fatal: WherryError | None = None
        # A signal handler may put into it at any moment (a Condition would lose or deadlock on that).
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def run(self, stop: threading.Event) -> None:
        """Blocks until `stop` is set and wake() is called.  Raises WherryError when a source gave up."""
        for name, source in self._sources.items():
            sink = _SourceSink(self, name)
            work = threading.Thread(
                target=sink.run, args=(source, stop), name=f"source {name}", daemon=True
            )
            work.start()
        while self._wait(stop):
            self._round()

    def wake(self) -> None:
        """Look at `stop` now.  A signal handler may call it."""
        self._wakes.put(None)

    def changed(self, name: str, snapshot: Snapshot) -> None:
        with self._lock:
            self._snapshots[name] = snapshot
            if len(self._snapshots) == len(self._sources):
                self._debounce.changed(time.monotonic(), urgent=snapshot.urgent)
        self.wake()

    def heard(self, name: str) -> None:
        self._observer.heard(name)

    def restarted(self, name: str, reason: str) -> None:
        self._observer.restarted(name, reason)

    def gave_up(self, error: WherryError) -> None:
        """Make run() raise `error`."""
        self._fatal = error
        self.wake()

    def _wait(self, stop: threading.Event) -> bool:
        """Sleep until a table is due; False when it is time to stop."""
        while not stop.is_set():
            if self._fatal is not None:
                raise self._fatal
            with self._lock:
                due, now = self._due(), time.monotonic()
                if due is not None:
                    due = max(due, now + self._rest())
                    if due <= now:
                        self._debounce.acted(now)
                        return True
            with contextlib.suppress(queue.Empty):
                self._wakes.get(timeout=None if due is None else due - now)
        return False

    def _due(self) -> float | None:
        """When to look again: something changed, or time alone changes what is wanted."""
        return min((t for t in (self._debounce.due(), self._router.due()) if t is not None), default=None)

    def _round(self) -> None:
        with self._lock:
            held = [self._snapshots[name] for name in self._sources]
        begun = time.perf_counter()
        table = self._router.build(joined(held), time.monotonic())
        if self._endpoints_come(table):
            return
        self._observer.built(table, time.perf_counter() - begun)
        try:
            self._publish(table)
            self._table = table
        except ProxyError as error:
            self._observer.failed(error)
            again = threading.Timer(RETRY, self._retry)
            again.daemon = True
            again.start()
        self._garbage.settle()

    def _endpoints_come(self, table: Table) -> bool:
        """Wait for the window's length, once, where all that is new has no endpoint yet.

        The EndpointSlice of a Service that was created comes some milliseconds after it, and would wait for
        a reload that answers nobody.
        """
        self._waited = (
            not self._waited and self._table is not None and only_unanswerable(self._table, table)
        )
        if self._waited:
            with self._lock:
                self._debounce.changed(time.monotonic())
        return self._waited

    def _retry(self) -> None:
        with self._lock:
            self._debounce.changed(time.monotonic())
        self.wake()


class _SourceSink:
    """source.Sink for one source."""

    def __init__(self, controller: Controller, name: str) -> None:
        self._controller = controller
        self._name = name

    def run(self, source: Source, stop: threading.Event) -> None:
        try:
            source.run(self, stop)
        except WherryError as error:
            self._controller.gave_up(error)
        except Exception as error:  # a thread that dies in silence is a watch that is dead behind a 200
            self._controller.gave_up(ProxyError(f"the source {self._name} failed: {error!r}"))
            raise

    def snapshot(self, snapshot: Snapshot) -> None:
        self._controller.changed(self._name, snapshot)

    def heartbeat(self) -> None:
        self._controller.heard(self._name)

    def restarted(self, reason: str) -> None:
        self._controller.restarted(self._name, reason)
