"""Whether what runs for long grows: changes of an hour in minutes, and slopes of memory and open files."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.programs import CommandFailed
from bench.proxy import memory
from bench.proxy.apiserver import api_server
from bench.proxy.backend import backend
from bench.proxy.manifests import objects
from bench.proxy.scenarios import PROXY, Bench, ProxyScenario
from bench.proxy.scenarios.cluster import Pod
from bench.proxy.tables import Promise, Section
from bench.report import three_digits
from bench.scenarios import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICES = 300
CHANGES, BETWEEN = 1_200, 20
"""An hour's, where a Service changes every three seconds; samples come every so many."""
WARM = 0.25
"""The share of the samples that does not count: caches fill, and the allocator finds its size."""
SURE = 3.0
"""A slope counts as one from so many times its standard error on."""


class Sample(NamedTuple):
    """Of one process: MiB and descriptors."""

    resident: float
    descriptors: float


class Slope(NamedTuple):
    """Per thousand changes, and its standard error."""

    value: float
    error: float


class Leaks(ProxyScenario):
    rows = (Row("proxy-leaks", "1,200 changes: slopes of memory and open files", PROXY),)

    def measure(self, bench: Bench) -> list[Section]:
        found: dict[str, list[Sample]] = {}
        begun = time.monotonic()
        times = bench.times(CHANGES)
        with backend(bench.work / "backend"), api_server(bench.work / "api") as server:
            server.create_all(objects(range(SERVICES)))
            with Pod(bench, server, SERVICES).started() as pod:
                for turn in range(times):
                    pod.change(turn)
                    if turn % BETWEEN == 0:
                        for name, pid in processes(pod.pids()).items():
                            found.setdefault(name, []).append(sample(pid))
        return [_section(found, times, time.monotonic() - begun)]


def processes(pids: dict[str, int]) -> dict[str, int]:
    """nginx's master, too."""
    serve = pids["proxy serve"]
    children = Path(f"/proc/{serve}/task/{serve}/children").read_text().split()
    masters = [pid for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "nginx"]
    if len(masters) != 1:
        raise CommandFailed(f"{serve} has {len(masters)} children that are nginx")
    return {**pids, "nginx's master": int(masters[0])}


def sample(pid: int) -> Sample:
    return Sample(memory.rss(pid), len(os.listdir(f"/proc/{pid}/fd")))


def slope(values: Sequence[float]) -> Slope:
    """Of samples that are BETWEEN changes apart, by least squares."""
    count = len(values)
    if count < 3:
        return Slope(0.0, 0.0)
    x = [i * BETWEEN / 1000 for i in range(count)]
    mean_x, mean_y = sum(x) / count, sum(values) / count
    spread = sum((a - mean_x) ** 2 for a in x)
    value = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, values, strict=True)) / spread
    rest = sum((b - mean_y - value * (a - mean_x)) ** 2 for a, b in zip(x, values, strict=True))
    return Slope(value, (rest / (count - 2) / spread) ** 0.5)


def _section(found: dict[str, list[Sample]], times: int, seconds: float) -> Section:
    lines: list[tuple[str, ...]] = [
        ("process", "what", "first", "warm", "last", "per 1,000 changes, warm", "standard error")
    ]
    promises = []
    for (name, samples), (what, unit) in itertools.product(
        found.items(), (("resident", "MiB"), ("descriptors", ""))
    ):
        values = [getattr(one, what) for one in samples]
        warm = values[round(len(values) * WARM) :]
        grows = slope(warm)
        words = (values[0], warm[0], values[-1], grows.value, grows.error)
        lines.append((name, f"{what}{f', {unit}' if unit else ''}", *map(three_digits, words)))
        sure = max(0.0, grows.value - SURE * grows.error)
        promises.append(Promise(f"{name}, {what}: growth beyond noise per 1,000 changes", sure, 0.1, unit))
    return Section(
        f"Proxy: {times:,} changes among {SERVICES} Services",
        f"`proxy generate`, `proxy serve` and nginx's master; each change is served before the next, in "
        f"{seconds:.0f} s.  A sample every {BETWEEN} changes; warm: after the first {WARM:.0%} of them.",
        tuple(lines),
        tuple(promises),
        {name: [list(one) for one in samples] for name, samples in found.items()},
    )
