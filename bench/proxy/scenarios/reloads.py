"""A thousand reloads while clients go on: who is not answered."""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.programs import CommandFailed, NotHere
from bench.proxy import load
from bench.proxy.asking import ask
from bench.proxy.backend import BIG, SMALL, backend
from bench.proxy.commands import outcome, running, version, wait
from bench.proxy.manifests import host
from bench.proxy.rendering import ours, routes
from bench.proxy.scenarios import PROXY, Bench, ProxyScenario
from bench.proxy.sid import sid_nginx
from bench.proxy.tables import Promise, Section, milliseconds, percentile
from bench.scenarios import Row
from wherry.proxy.reload import files

if TYPE_CHECKING:
    from collections.abc import Iterator

RELOADS = 1_000
ROUTES = 100
PATIENCE = 20.0
LONGEST = 280.0
"""Seconds for all of it."""


class Crowd(NamedTuple):
    """Clients of one kind."""

    title: str
    path: str
    size: int
    clients: int
    pause: float
    kept: bool


CROWDS = (
    Crowd("a connection for each request", "/small", SMALL, 16, 0.04, kept=False),
    Crowd("a connection for each request, 256 KiB", "/big", BIG, 2, 0.1, kept=False),
    Crowd("kept connections", "/small", SMALL, 16, 0.04, kept=True),
    Crowd("kept connections, idle for up to 4 s", "/small", SMALL, 32, 2.0, kept=True),
)


class Server:
    """`wherry proxy serve` with one nginx, and a default.conf that somebody else writes."""

    def __init__(self, bench: Bench, number: int, nginx: str) -> None:
        self.version = version(_said(nginx))
        self.address = ("127.0.0.1", 8082 + number)
        self._folder = bench.work / f"d{number}"
        self._state = bench.work / f"s{number}"
        self._folder.mkdir()
        words = ("serve", "--dir", str(self._folder), "--state", str(self._state), "--nginx", nginx)
        self._command = bench.wherry(*words)
        self._log = bench.work / f"serve{number}.log"
        self.reloads = 0

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        self.write(0)
        with running(self._command, self._log):
            wait(lambda: self.served(0), "the first configuration", PATIENCE)
            ask(self.address, host(0))
            yield

    def write(self, turn: int) -> None:
        """All routes move to another port."""
        text = ours(routes([turn] * ROUTES), "{}:{}".format(*self.address))
        files.write(str(self._folder / "default.conf"), text.encode())

    def served(self, turn: int) -> bool:
        """Whether the reload for `turn` is over."""
        found = outcome(self._state)
        self.reloads = found.get("totals", {}).get("reloaded", 0)
        return int(found.get("generation", 0)) > turn


class ReloadsUnderLoad(ProxyScenario):
    rows = (Row("proxy-reloads", "1,000 reloads under load: failed requests", PROXY),)

    def measure(self, bench: Bench) -> list[Section]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(backend(bench.work / "backend"))
            servers = [Server(bench, 0, "nginx")]
            problem = ""
            try:
                servers.append(Server(bench, 1, str(sid_nginx())))
            except NotHere as error:
                problem = f"  {error}"
            for server in servers:
                stack.enter_context(server.started())
            found = _measure(servers, bench.times(RELOADS))
        return [_section(found, servers, problem)]


def _measure(servers: list[Server], times: int) -> dict[tuple[str, Crowd], dict[str, Any]]:
    """All at once: each nginx has its own crowds, and reloads as fast as it can."""
    loads = {(server.version, crowd): _start(server, crowd) for server in servers for crowd in CROWDS}
    try:
        for turn in range(1, times + 1):
            for server in servers:
                server.write(turn)
            for server in servers:
                wait(functools.partial(server.served, turn), f"reload {turn}", PATIENCE)
    finally:
        answers = {key: process.communicate()[0] for key, process in loads.items()}
    return {key: json.loads(text) for key, text in answers.items()}


def _start(server: Server, crowd: Crowd) -> subprocess.Popen[bytes]:
    names = tuple(host(number) for number in range(ROUTES))
    _, path, size, clients, pause, kept = crowd
    settings = load.Settings(*server.address, names, path, size, clients, pause, kept, longest=LONGEST)
    words = [sys.executable, "-m", "bench.proxy.load"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(settings._asdict()).encode() + b"\n")
    process.stdin.flush()
    return process


def _said(nginx: str) -> str:
    done = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False)
    return done.stderr


def _section(
    found: dict[tuple[str, Crowd], dict[str, Any]], servers: list[Server], problem: str
) -> Section:
    heads = ("nginx", "clients", "requests", "failed", "how", "p50 ms", "p99 ms", "longest, ms")
    lines: list[tuple[str, ...]] = [heads]
    promises = []
    for (nginx, crowd), told in found.items():
        counts, seconds = dict(told["counts"]), told["seconds"]
        requests, how = counts["requests"], _failures(counts)
        failed = sum(how.values())
        if failed != requests - len(seconds):
            raise CommandFailed(f"the counts do not agree: {counts}, {len(seconds)} answers")
        times = [milliseconds(percentile(seconds, p)) for p in (50, 99, 100)]
        words = ", ".join(f"{kind}: {count}" for kind, count in sorted(how.items())) or "-"
        lines.append((nginx, crowd.title, f"{requests:,}", f"{failed:,}", words, *times))
        if not crowd.kept or _lingers(nginx):
            promises.append(Promise(f"failed requests, nginx {nginx}, {crowd.title}", failed, 0, ""))
    reloads = " and ".join(f"{s.reloads:,} of nginx {s.version}" for s in servers)
    return Section(
        "Proxy: reloads under load",
        f"{reloads}, one after another, each proved by a new worker's answer before the next; all routes "
        "move to another upstream each time.  A request that does not come back whole, as expected, is "
        f"failed; nothing is tried again.{problem}",
        tuple(lines),
        tuple(promises),
        {f"{nginx} {crowd.title}": told for (nginx, crowd), told in found.items()},
    )


def _failures(counts: dict[str, int]) -> dict[str, int]:
    return {k: n for k, n in counts.items() if k not in ("requests", "connections", "reopened")}


def _lingers(nginx: str) -> bool:
    """keepalive_min_timeout came with 1.27.4."""
    return tuple(int(n) for n in nginx.split(".")) >= (1, 27, 4)
