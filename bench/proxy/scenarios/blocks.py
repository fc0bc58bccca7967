"""A configuration of maps against one with two blocks for each route: to check, to reload, to hold."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from bench.programs import CommandFailed
from bench.proxy import memory
from bench.proxy.asking import ask
from bench.proxy.backend import backend
from bench.proxy.commands import wait
from bench.proxy.manifests import answer, host
from bench.proxy.rendering import ours, routes, theirs
from bench.proxy.scenarios import PROXY, Bench, ProxyScenario
from bench.proxy.tables import Promise, Section, milliseconds
from bench.report import median, three_digits
from bench.scenarios import Row
from wherry.proxy.nginx.main import MainOptions
from wherry.proxy.reload.binary import Nginx
from wherry.proxy.reload.managed import Managed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.proxy.model import Route

SIZES = (1_000, 10_000)
LEAST_FACTOR = 20.0
REPEATED = 5
PATIENCE = 60.0
LISTEN = ("127.0.0.1", 8081)
SHAPES: dict[str, Callable[[Sequence[Route], str], str]] = {"wherry": ours, "nginx-proxy's": theirs}


class BlockForEach(ProxyScenario):
    rows = (Row("proxy-shapes", "the same routes as maps and as a block for each: reload, memory", PROXY),)

    def measure(self, bench: Bench) -> list[Section]:
        found = {}
        with backend(bench.work / "backend"):
            for size in SIZES:
                for number, (shape, render) in enumerate(SHAPES.items()):
                    state = bench.work / f"{size}-{number}"
                    found[size, shape] = _Shape(state, size, render).measure(bench.times(REPEATED))
        return [_section(found)]


class _Shape:
    """One nginx with one shape of configuration; the clock and the proof are the same for all."""

    def __init__(self, state: object, size: int, render: Callable[[Sequence[Route], str], str]) -> None:
        self._managed = Managed(Nginx.find("nginx", os.environ), MainOptions(str(state)))
        self._size = size
        self._render = render
        self._turn = 0

    def measure(self, times: int) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {"check": [], "reload": [], "memory": []}
        try:
            self._next()
            for _ in range(times):
                check, reload = self._next()
                found["check"].append(check)
                found["reload"].append(reload)
                found["memory"].append(self._memory())
        finally:
            if self._managed.process is not None:
                self._managed.process.quit(2.0)
        return found

    def _next(self) -> tuple[float, float]:
        """One route moves; seconds of ``nginx -t``, and from the signal to a new worker's answer."""
        self._turn += 1
        turns = [0] * (self._size - 1) + [self._turn]
        self._managed.stage(self._render(routes(turns), "{}:{}".format(*LISTEN)), self._turn)
        begun = time.perf_counter()
        complaint = self._managed.complaint()
        if complaint is not None:
            raise CommandFailed(complaint)
        checked = time.perf_counter()
        self._managed.swap()
        self._managed.signal()
        if self._managed.proof(self._turn, PATIENCE) is None:
            raise CommandFailed(f"{self._size} routes: no worker answered within {PATIENCE:.0f} s")
        proved = time.perf_counter()
        self._managed.settle()
        last = self._size - 1
        new = (200, answer(last, self._turn))
        # An old worker may still take a connection in the moment after the first answer of a new one.
        wait(lambda: ask(LISTEN, host(last)) == new, f"{self._size} routes: the new one", 2.0)
        return checked - begun, proved - checked

    def _memory(self) -> float:
        """MiB of master and workers, once the old workers are gone."""
        process = self._managed.process
        assert process is not None
        workers = 0

        def alone() -> bool:
            nonlocal workers
            before, workers = workers, len(process.workers())
            return workers == before and workers <= self._workers()

        wait(alone, "old workers end", pause=0.2)
        return memory.pss(process.pid, *process.workers())

    @staticmethod
    def _workers() -> int:
        return len(os.sched_getaffinity(0))


def _section(found: dict[tuple[int, str], dict[str, list[float]]]) -> Section:
    lines = [("routes", "shape", "`nginx -t`, ms", "reload to new workers' answer, ms", "memory, MiB")]
    for (size, shape), samples in found.items():
        lines.append(
            (
                f"{size:,}",
                shape,
                milliseconds(median(samples["check"])),
                milliseconds(median(samples["reload"])),
                three_digits(median(samples["memory"])),
            )
        )
    most = SIZES[-1]
    times = median(found[most, "nginx-proxy's"]["reload"]) / median(found[most, "wherry"]["reload"])
    return Section(
        "Proxy: maps against a block for each route",
        "The same routes in wherry's configuration and in one of nginx-proxy's shape (docker-gen: an "
        "upstream and a server for each), the same nginx, one route changed each time; medians; memory is "
        "the proportional set size of master and workers once the old workers are gone.",
        tuple(lines),
        (Promise(f"reload at {most:,} routes, faster", times, LEAST_FACTOR, "times", least=True),),
        {f"{size} {shape}": samples for (size, shape), samples in found.items()},
    )
