"""The monitor's facts as Prometheus metrics."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from wherry.proxy.monitor import Monitor

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

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        facts, now = self._monitor.facts(), time.monotonic()
        age = GaugeMetricFamily(
            "wherry_proxy_last_event_age_seconds", "Since a source was last heard of", labels=["source"]
        )
        for source, heard in facts.last_heard.items():
            age.add_metric([source], float("inf") if heard is None else now - heard)
        yield age
        routes = len(facts.table.routes) if facts.table else 0
        yield GaugeMetricFamily("wherry_proxy_routes", "Routes in the table", value=routes)
        rejected = GaugeMetricFamily(
            "wherry_proxy_rejected_routes", "What is not served", labels=["reason"]
        )
        reasons = Counter(
            r.reason for r in (*(facts.table.rejected if facts.table else ()), *facts.set_aside)
        )
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
