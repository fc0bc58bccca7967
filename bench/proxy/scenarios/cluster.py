"""The pod: a generator that follows an API server, nginx that follows its file, Services that change."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING, NamedTuple

from bench.programs import run
from bench.proxy import memory
from bench.proxy.apiserver import ApiServer, api_server, version
from bench.proxy.asking import until
from bench.proxy.backend import backend
from bench.proxy.commands import running, wait
from bench.proxy.manifests import EXPOSED, answer, endpoint_slice, host, objects, service
from bench.proxy.scenarios import PROXY, Bench, ProxyScenario
from bench.proxy.tables import Promise, Section, percentile, spread
from bench.report import median, three_digits
from bench.scenarios import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.programs import Daemon

SOME, MANY = 1_000, 10_000
EVENTS, EVENTS_AMONG_MANY = 150, 30
BURSTS, IN_A_BURST = 10, 20
LISTS = 3
IDLE = (0.2, 0.3)
"""Seconds between an answer and the next change: nothing is under way any more."""
ADDRESS = ("127.0.0.1", 8090)
GONE = "404"
HEAD = ("change", "times", "p50, ms", "p99, ms", "longest, ms")


class Lists(NamedTuple):
    """Seconds of ``proxy render``, and from the generator's start to its first file."""

    render: list[float]
    first: float


class FollowedCluster(ProxyScenario):
    rows = (
        Row("proxy-events", "a Service changes in the API server: until its route answers", PROXY),
        Row("proxy-many", "10,000 Services: listed, one of them changed, the generator's memory", PROXY),
    )

    def measure(self, bench: Bench) -> list[Section]:
        with backend(bench.work / "backend"), api_server(bench.work / "api") as server:
            server.create_all(objects(range(SOME)))
            with Pod(bench, server, SOME).started() as pod:
                spaced = pod.events(bench.times(EVENTS))
                bursts = [pod.burst(turn) for turn in range(1, bench.times(BURSTS) + 1)]
            server.create_all(objects(range(SOME, MANY)))
            many = Pod(bench, server, MANY)
            lists = many.lists()
            with many.started() as pod:
                first = pod.first
                changed = pod.events(bench.times(EVENTS_AMONG_MANY))
                held = pod.memory()
        return [_events(spaced, bursts), _many(Lists(lists, first), changed, held)]


class Pod:
    """`proxy generate` and `proxy serve` on one folder, with the flags of the pod's own manifests."""

    def __init__(self, bench: Bench, server: ApiServer, services: int) -> None:
        self._bench = bench
        self._server = server
        self._services = services
        self._changing = range(1, services)  # the first stays as it is: it tells that the pod answers
        self._folder = bench.work / f"conf{services}"
        self._folder.mkdir()
        self._turns: dict[int, int] = {}
        self._generator: Daemon | None = None
        self._serve: Daemon | None = None
        self.first = 0.0

    @contextlib.contextmanager
    def started(self) -> Iterator[Pod]:
        generate = self._bench.wherry("generate", "--dir", str(self._folder), *self._following())
        serve = self._bench.wherry("serve", "--dir", str(self._folder))
        logs = [self._bench.work / f"{name}{self._services}.log" for name in ("generate", "serve")]
        default_conf = self._folder / "default.conf"
        begun = time.perf_counter()
        with running(generate, logs[0]) as self._generator:
            wait(default_conf.exists, "the first configuration")
            self.first = time.perf_counter() - begun
            with running(serve, logs[1]) as self._serve:
                self._serve.wait_until(lambda: until(ADDRESS, host(0), answer(0), 1.0))
                yield self

    def pids(self) -> dict[str, int]:
        assert self._generator is not None and self._serve is not None
        return {"proxy generate": self._generator.pid, "proxy serve": self._serve.pid}

    def lists(self) -> list[float]:
        """Seconds of `proxy render`, from its start to its exit."""
        folder = self._bench.work / "rendered"
        folder.mkdir()
        command = self._bench.wherry("render", "--dir", str(folder), *self._following())
        return [run(command, self._bench.work / "render.log")[0] for _ in range(LISTS)]

    def events(self, times: int) -> dict[str, list[float]]:
        """Seconds from the server's acceptance to the new answer: by kind, each in its turn, spaced."""
        found: dict[str, list[float]] = {"changed": [], "created": [], "deleted": []}
        for turn in range(times):
            time.sleep(random.uniform(*IDLE))
            kind, seconds = self.change(turn)
            found[kind].append(seconds)
        return found

    def change(self, turn: int) -> tuple[str, float]:
        """One of each kind in its turn, and its seconds."""
        kind = ("changed", "created", "deleted")[turn % 3]
        number = random.choice(self._changing) if kind == "changed" else self._services + turn // 3
        return kind, self._event(kind, number)

    def burst(self, turn: int) -> float:
        """Seconds from the last of many acceptances to the last of the new answers."""
        time.sleep(random.uniform(*IDLE))
        numbers = random.sample(self._changing, IN_A_BURST)
        for number in numbers:
            self._change(number)
        begun = time.perf_counter()
        return max(until(ADDRESS, host(n), answer(n, self._turns[n])) for n in numbers) - begun

    def memory(self) -> dict[str, float]:
        """MiB of the generator."""
        assert self._generator is not None
        pid = self._generator.pid
        return {
            "resident": memory.rss(pid),
            "proportional": memory.pss(pid),
            "resident at most": memory.most(pid),
        }

    def _event(self, kind: str, number: int) -> float:
        if kind == "changed":
            self._change(number)
            wanted = answer(number, self._turns[number])
        elif kind == "created":
            self._server.create(endpoint_slice(number))  # before it: no controller would write it
            self._server.create(service(number))
            wanted = answer(number)
        else:
            self._server.delete(service(number))
            wanted = GONE
        begun = time.perf_counter()
        seconds = until(ADDRESS, host(number), wanted) - begun
        if wanted == GONE:
            self._server.delete(endpoint_slice(number))
        return seconds

    def _change(self, number: int) -> None:
        turn = self._turns[number] = self._turns.get(number, 0) + 1
        self._server.patch(service(number), {"spec": {"ports": service(number, turn)["spec"]["ports"]}})

    def _following(self) -> list[str]:
        selector = "=".join(EXPOSED)
        source = ["--kubeconfig", str(self._server.kubeconfig), "--all-namespaces", "--selector", selector]
        source += ["--settle", "0"]  # there is nobody at the pods' addresses
        return [*source, "--listen", "{}:{}".format(*ADDRESS)]


def _events(spaced: dict[str, list[float]], bursts: list[float]) -> Section:
    everything = [seconds for samples in spaced.values() for seconds in samples]
    lines = [HEAD, *((f"a Service {kind}", *spread(samples)) for kind, samples in spaced.items())]
    lines.append(("all of these", *spread(everything)))
    lines.append((f"{IN_A_BURST} Services changed at once, until the last answers", *spread(bursts)))
    return Section(
        f"Proxy: from a Service's change to its new route, {SOME:,} Services",
        f"kube-apiserver {version()} and etcd, `proxy generate`, its file, `proxy serve`, nginx: from the "
        "server's answer to the change until a request is answered by the new upstream (by 404 after a "
        "deletion).  Single changes come when nothing else is under way.",
        tuple(lines),
        (
            Promise(
                "a Service's change until it is served, p50", 1e3 * percentile(everything, 50), 50, "ms"
            ),
            Promise("the same, p99", 1e3 * percentile(everything, 99), 250, "ms"),
        ),
        {**spaced, "bursts": bursts},
    )


def _many(lists: Lists, changed: dict[str, list[float]], held: dict[str, float]) -> Section:
    everything = [seconds for samples in changed.values() for seconds in samples]
    first = median(lists.render)
    lines = [HEAD, ("a Service changed, created or deleted", *spread(everything))]
    words = ", ".join(f"{kind} {three_digits(mib)}" for kind, mib in held.items())
    return Section(
        f"Proxy: {MANY:,} Services, each with an EndpointSlice",
        f"Listed, rendered and written by `proxy render` in {three_digits(first)} s (median of {LISTS}, "
        f"from its start to its exit), by `proxy generate` in {three_digits(lists.first)} s.  The "
        f"generator's memory after the changes below, MiB: {words}.",
        tuple(lines),
        (
            Promise(f"{MANY:,} Services listed, rendered and written", first, 3, "s"),
            Promise(f"one change among {MANY:,} until it is served", 1e3 * median(everything), 250, "ms"),
            Promise("the generator's memory, resident", held["resident at most"], 150, "MiB"),
        ),
        {**changed, "render": lists.render, "generate": [lists.first], "MiB": held},
    )
