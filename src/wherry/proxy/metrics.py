"""The monitor's facts as Prometheus metrics."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING

from wherry.proxy import status
from wherry.proxy.monitor import STALE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from wherry.proxy.monitor import Monitor
    from wherry.proxy.routes import Table

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """A registry of its own, so that two proxies in one process (tests) do not meet."""

    def __init__(self, monitor: Monitor) -> None:
        from prometheus_client import CollectorRegistry, Histogram, ProcessCollector

        self._monitor = monitor
        self._registry = CollectorRegistry()
        self._durations = Histogram(
            "wherry_proxy_duration_seconds",
            "Time to build the table, to validate, to reload until a new worker answered",
            ["phase"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        monitor.durations.append(lambda phase, seconds: self._durations.labels(phase).observe(seconds))
        self._registry.register(_Collector(monitor))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The exposition format, text version 0.0.4."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Collector:
    """Reads the monitor when it is scraped."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._identity: tuple[int, int] | None = None
        self._table: Table | None = None

    def _written(self) -> Table | None:
        """The generator's table, read again when its file is another."""
        folder = self._monitor.folder
        if folder is None:
            return None
        try:
            found = os.stat(os.path.join(folder, status.ROUTES))
        except OSError:
            return None
        if (found.st_mtime_ns, found.st_ino) != self._identity:
            written = status.read_routes(folder)
            self._table = written.table if written else None
            self._identity = (found.st_mtime_ns, found.st_ino)
        return self._table

    def _generator(self) -> Iterator[Metric]:
        """How long the generator, and through it each source, has been silent."""
        from prometheus_client.core import GaugeMetricFamily

        folder = self._monitor.folder
        heard = status.read_sources(folder) if folder is not None else None
        if heard is None:
            return
        now = time.time()
        age = "wherry_proxy_generator_age_seconds"
        yield GaugeMetricFamily(age, "Since the generator last said that it lives", value=now - heard.when)
        trouble = "wherry_proxy_stale"
        count = len(heard.trouble(now, STALE))
        yield GaugeMetricFamily(trouble, "1 while what is served may be old", value=min(count, 1))

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        facts, now = self._monitor.facts(), time.monotonic()
        age = GaugeMetricFamily(
            "wherry_proxy_last_event_age_seconds", "Since a source was last heard of", labels=["source"]
        )
        for source, heard in facts.last_heard.items():
            age.add_metric([source], float("inf") if heard is None else now - heard)
        yield age
        table = facts.table or self._written()
        if table is not None:
            routes = len(table.routes) - (0 if facts.table else len(facts.quarantined))
            yield GaugeMetricFamily("wherry_proxy_routes", "Routes that are served", value=routes)
        yield from self._generator()
        rejected = GaugeMetricFamily(
            "wherry_proxy_rejected_routes", "What is not served", labels=["reason"]
        )
        reasons = Counter(r.reason for r in (*(table.rejected if table else ()), *facts.quarantined))
        for reason, count in sorted(reasons.items()):
            rejected.add_metric([reason], count)
        yield rejected
        reloads = CounterMetricFamily(
            "wherry_proxy_reloads", "Reloads, by their outcome", labels=["outcome"]
        )
        for kind, count in facts.reloads.items():
            reloads.add_metric([kind], count)
        yield reloads
        generation = facts.last_outcome.generation if facts.last_outcome else 0
        yield GaugeMetricFamily("wherry_proxy_generation", "What nginx serves", value=generation)
        restarts = CounterMetricFamily(
            "wherry_proxy_watch_restarts", "Watches that ended and began again", labels=["source", "reason"]
        )
        for (source, reason), count in facts.watch_restarts.items():
            restarts.add_metric([source, reason], count)
        yield restarts
