"""The monitor's facts, and what the process takes, as Prometheus metrics."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from collections import Counter

from wherry.errors import ProxyError
from wherry.proxy import exposition, status
from wherry.proxy.exposition import Family, Histogram, Sample
from wherry.proxy.monitor import STALE
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.proxy.model import Table
    from wherry.proxy.monitor import Facts, Monitor

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Reads the monitor when it is scraped, from any thread; durations are counted from now on."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._identity: tuple[int, int] | None = None
        self._table: Table | None = None
        self._lock = threading.Lock()  # guards what stands below
        self._durations: dict[str, Histogram] = {}
        monitor.durations.append(self._observe)

    def text(self) -> bytes:
        return exposition.text([self._phases(), *self._of_monitor(), *_process()])

    def _observe(self, phase: str, seconds: float) -> None:
        with self._lock:
            self._durations.setdefault(phase, Histogram(BUCKETS)).observe(seconds)

    def _phases(self) -> Family:
        with self._lock:
            samples = [s for phase, h in self._durations.items() for s in h.samples((("phase", phase),))]
        return Family(
            "wherry_proxy_duration_seconds",
            "histogram",
            "Time to build the table, to validate, to reload until a new worker answered",
            samples,
        )

    def _of_monitor(self) -> Iterator[Family]:
        facts, now = self._monitor.facts(), time.monotonic()
        yield Family(
            "wherry_proxy_last_event_age_seconds",
            "gauge",
            "Since a source was last heard of",
            [
                Sample(float("inf") if heard is None else now - heard, (("source", source),))
                for source, heard in facts.last_heard.items()
            ],
        )
        yield from self._of_table(facts)
        yield from self._generator()
        yield Family(
            "wherry_proxy_reloads_total",
            "counter",
            "Reloads, by their outcome",
            [Sample(count, (("outcome", kind),)) for kind, count in facts.reloads.items()],
        )
        generation = facts.last_outcome.generation if facts.last_outcome else 0
        yield _gauge("wherry_proxy_generation", "What nginx serves", generation)
        yield Family(
            "wherry_proxy_watch_restarts_total",
            "counter",
            "Watches that ended and began again",
            [
                Sample(count, (("reason", reason), ("source", source)))
                for (source, reason), count in facts.watch_restarts.items()
            ],
        )

    def _of_table(self, facts: Facts) -> Iterator[Family]:
        table = facts.table or self._written()
        if table is not None:
            routes = len(table.routes) - (0 if facts.table else len(facts.quarantined))
            yield _gauge("wherry_proxy_routes", "Routes that are served", routes)
        reasons = Counter(r.reason for r in (*(table.rejected if table else ()), *facts.quarantined))
        yield Family(
            "wherry_proxy_rejected_routes",
            "gauge",
            "What is not served",
            [Sample(count, (("reason", reason),)) for reason, count in sorted(reasons.items())],
        )

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
            with contextlib.suppress(ProxyError):
                written = status.read_routes(folder)
                self._table = written.table if written else None
            self._identity = (found.st_mtime_ns, found.st_ino)
        return self._table

    def _generator(self) -> Iterator[Family]:
        """How long the generator, and through it each source, has been silent."""
        folder = self._monitor.folder
        try:
            heard = status.read_sources(folder) if folder is not None else None
        except ProxyError:
            return
        if heard is None:
            return
        now = time.time()
        yield _gauge(
            "wherry_proxy_generator_age_seconds",
            "Since the generator last said that it lives",
            now - heard.when,
        )
        trouble = min(len(heard.trouble(now, STALE)), 1)
        yield _gauge("wherry_proxy_stale", "1 while what is served may be old", trouble)


def _gauge(name: str, words: str, value: float) -> Family:
    return Family(name, "gauge", words, [Sample(value)])


def _process() -> Iterator[Family]:
    """What Prometheus' clients tell of their processes; nothing where /proc does not."""
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # proc(5); the first here is the third there
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        with open("/proc/stat", "rb") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith(b"btime "))
        busy = (int(fields[11]) + int(fields[12])) / ticks
        yield Family(
            "process_cpu_seconds_total", "counter", "Time spent in user and kernel mode", [Sample(busy)]
        )
        begun = boot + int(fields[19]) / ticks
        yield _gauge("process_start_time_seconds", "When it began, since the epoch", begun)
        yield _gauge("process_virtual_memory_bytes", "Virtual memory", int(fields[20]))
        yield _gauge("process_resident_memory_bytes", "Resident memory", int(fields[21]) * page)
        yield _gauge("process_open_fds", "Open file descriptors", len(os.listdir("/proc/self/fd")))
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield _gauge("process_max_fds", "Descriptors that may be open", float("inf") if most < 0 else most)
