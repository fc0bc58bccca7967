"""What a running proxy command knows about itself: for /metrics, /healthz, /readyz and ``status``."""

from __future__ import annotations

import threading
import time
from collections import Counter

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.errors import ProxyError
    from wherry.proxy.model import Rejected, Table
    from wherry.proxy.reload.transaction import Outcome

STALE = 600.0
"""Seconds without an event, a bookmark or a look at the folder after which a source counts as dead."""

GOOD = frozenset({"started", "reloaded", "unchanged", "written"})
"""Outcomes after which a configuration is there to be served."""


class Facts(NamedTuple):
    """One consistent look.  Times are monotonic seconds; None: not yet."""

    last_heard: Mapping[str, float | None]
    table: Table | None
    watch_restarts: Mapping[tuple[str, str], int]
    reloads: Mapping[str, int]
    last_outcome: Outcome | None
    quarantined: tuple[Rejected, ...]
    last_error: str | None


class Monitor:
    """Counts; safe to use from any thread.  Implements controller.Observer."""

    def __init__(self, sources: tuple[str, ...] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._heard: dict[str, float | None] = dict.fromkeys(sources)
        self._restarts: Counter[tuple[str, str]] = Counter()
        self._reloads: Counter[str] = Counter()
        self._table: Table | None = None
        self._outcome: Outcome | None = None
        self._error: str | None = None
        self.folder: str | None = None
        """Where another process writes routes.json and sources.json, for one that has no table itself."""
        self._good = threading.Event()
        self.durations: list[Callable[[str, float], None]] = []

    def heard(self, source: str) -> None:
        with self._lock:
            self._heard[source] = self._clock()

    def restarted(self, source: str, reason: str) -> None:
        with self._lock:
            self._restarts[source, reason] += 1

    def built(self, table: Table, seconds: float) -> None:
        with self._lock:
            self._table = table
        self._observe("build", seconds)

    def failed(self, error: ProxyError) -> None:
        with self._lock:
            self._error = error.message
            self._reloads["failed"] += 1

    def applied(self, outcome: Outcome) -> None:
        """A reload was tried, or a file written (kind "written")."""
        with self._lock:
            self._outcome = outcome
            self._error = None if outcome.kind in GOOD else outcome.message
            self._reloads[outcome.kind] += 1
        if outcome.kind in GOOD:
            self._good.set()
        if outcome.kind != "unchanged":
            self._observe("validate", outcome.validating)
            self._observe("reload", outcome.reloading)

    def facts(self) -> Facts:
        with self._lock:
            outcome = self._outcome
            return Facts(
                dict(self._heard),
                self._table,
                dict(self._restarts),
                dict(self._reloads),
                outcome,
                outcome.quarantined if outcome else (),
                self._error,
            )

    def unready(self) -> str | None:
        """Why what is wanted is not what is served; None when it is."""
        facts, now = self.facts(), self._clock()
        for source, heard in facts.last_heard.items():
            if heard is None:
                return f"{source}: nothing heard yet"
            if now - heard > STALE:
                return f"{source}: nothing heard for {now - heard:.0f} s"
        if facts.last_error is not None:
            return f"what is wanted is not served: {facts.last_error}"
        return self.not_serving()

    def not_serving(self, patience: float = 0.0) -> str | None:
        """Why nothing was brought into force yet; None once something was, whatever came after that.

        For the probe that decides whether clients are sent here: what served before still does.  Waits for
        it so many seconds.
        """
        return None if self._good.wait(patience) else self.facts().last_error or "no configuration yet"

    def unhealthy(self) -> str | None:
        """Why this process should be restarted: a source that was alive and went silent."""
        now = self._clock()
        for source, heard in self.facts().last_heard.items():
            if heard is not None and now - heard > 2 * STALE:
                return f"{source}: nothing heard for {now - heard:.0f} s"
        return None

    def _observe(self, phase: str, seconds: float) -> None:
        for observe in self.durations:
            observe(phase, seconds)
