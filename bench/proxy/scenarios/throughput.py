"""Requests a second through one worker: wherry's configuration, and one written by hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from bench.programs import CommandFailed, NotHere
from bench.proxy.asking import ask
from bench.proxy.backend import backend
from bench.proxy.manifests import answer, host
from bench.proxy.rendering import SAME_HEADERS, ours, routes, theirs
from bench.proxy.scenarios import PROXY, Bench, ProxyScenario
from bench.proxy.tables import Promise, Section
from bench.report import median
from bench.scenarios import Row
from wherry.proxy.nginx.main import MainOptions
from wherry.proxy.reload.binary import Nginx
from wherry.proxy.reload.managed import Managed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from wherry.proxy.model import Route

SIZES = (1, 1_000, 10_000)
CLIENTS = (8, 32, 256)
ROUNDS, SECONDS = 5, 4
KEPT = 32
LEAST = 0.95
PATIENCE = 60.0
LISTEN = ("127.0.0.1", 8081)
# A prime step: every Service is asked for once before any is asked for again.
LUA = """\
local at = 0
request = function()
  at = (at + 7919) % {size}
  return wrk.format("GET", "/", {{["Host"] = string.format("{pattern}", at)}})
end
"""


def by_hand(wanted: Sequence[Route], listen: str) -> str:
    return theirs(wanted, listen, KEPT)


def same_headers(wanted: Sequence[Route], listen: str) -> str:
    return theirs(wanted, listen, KEPT, SAME_HEADERS)


SHAPES: dict[str, Callable[[Sequence[Route], str], str]] = {
    "wherry": ours,
    "by hand": by_hand,
    "by hand, same headers": same_headers,
}


class Throughput(ProxyScenario):
    rows = (Row("proxy-throughput", "requests a second through one worker, beside plain nginx", PROXY),)

    def measure(self, bench: Bench) -> list[Section]:
        if shutil.which("wrk") is None:
            raise NotHere("wrk (apt-get install wrk)")
        found: dict[tuple[int, int, str], list[float]] = {}
        with backend(bench.work / "backend"):
            for size in SIZES:
                script = bench.work / f"{size}.lua"
                pattern = host(0).replace("00000", "%05d")
                script.write_text(LUA.format(size=size, pattern=pattern))
                for turn in range(bench.times(ROUNDS)):
                    for shape, render in SHAPES.items():
                        with _Server(bench.work / f"{size}{turn}{len(shape)}", size, render):
                            for clients in CLIENTS:
                                _load(clients, script, 1)
                                rate = _load(clients, script, SECONDS)
                                found.setdefault((size, clients, shape), []).append(rate)
        return [_section(found)]


class _Server:
    """An nginx with one worker, for as long as the block takes."""

    def __init__(self, state: Path, size: int, render: Callable[[Sequence[Route], str], str]) -> None:
        options = MainOptions(str(state), workers="1", connections=16_000, descriptors=20_000)
        self._managed = Managed(Nginx.find("nginx", os.environ), options)
        self._size = size
        self._text = render(routes([0] * size), "{}:{}".format(*LISTEN))

    def __enter__(self) -> None:
        self._managed.stage(self._text, 1)
        complaint = self._managed.complaint()
        if complaint is not None:
            raise CommandFailed(complaint)
        self._managed.swap()
        self._managed.signal()  # the first time it starts nginx
        if self._managed.proof(1, PATIENCE) is None:
            raise CommandFailed(f"{self._size} routes: no worker answered within {PATIENCE:.0f} s")
        last = self._size - 1
        if ask(LISTEN, host(last)) != (200, answer(last)):
            raise CommandFailed(f"{self._size} routes: the last one is not answered")

    def __exit__(self, *_: object) -> None:
        if self._managed.process is not None:
            self._managed.process.quit(5.0)


def _load(clients: int, script: Path, seconds: int) -> float:
    words = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{seconds}s",
        "-s",
        str(script),
        "http://{}:{}".format(*LISTEN),
    ]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    if rate is None or "Non-2xx" in said:
        raise CommandFailed(f"wrk, {clients} clients: {said[-500:]}")
    return float(rate[1])


def _section(found: dict[tuple[int, int, str], list[float]]) -> Section:
    lines = [("routes", "clients", *SHAPES, "wherry / by hand", "with the same headers")]
    promises = []
    for size in SIZES:
        for clients in CLIENTS:
            rates = [median(found[size, clients, shape]) for shape in SHAPES]
            share = rates[0] / rates[1]
            shares = f"{share:.2f}", f"{rates[0] / rates[2]:.2f}"
            lines.append((f"{size:,}", str(clients), *(f"{rate:,.0f}" for rate in rates), *shares))
            what = f"{size:,} routes, {clients} clients, share of plain nginx"
            promises.append(Promise(what, share, LEAST, "", least=True))
    return Section(
        "Proxy: requests a second through one worker",
        "wrk with one thread, every request for another Service than the one before; the hand-written "
        f"configuration has an upstream block with {KEPT} kept connections and a server block for each "
        "route, and in its second form passes on the headers that wherry does (a random X-Request-Id, "
        "X-Forwarded-Host and -Port); the same nginx, on a machine whose two cores wrk, nginx and the "
        "backend share; medians.",
        tuple(lines),
        tuple(promises),
        {
            f"{size} routes, {clients} clients, {shape}": rates
            for (size, clients, shape), rates in found.items()
        },
    )
