"""A folder of manifests on one machine, edited."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING

from bench.programs import Command
from bench.proxy.asking import until
from bench.proxy.backend import backend
from bench.proxy.commands import running
from bench.proxy.manifests import answer, host, name, service
from bench.proxy.scenarios import PROXY, Bench, ProxyScenario
from bench.proxy.tables import Promise, Section, percentile, spread
from bench.scenarios import Row

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = 1_000
EDITS = 100
IDLE = (0.2, 0.3)
ADDRESS = ("127.0.0.1", 8091)


class FollowedFolder(ProxyScenario):
    rows = (Row("proxy-laptop", "a manifest in a folder is edited: until its route answers", PROXY),)

    def measure(self, bench: Bench) -> list[Section]:
        folder = bench.work / "services"
        folder.mkdir()
        for number in range(SERVICES):
            _save(folder, number, 0)
        words = ("run", "--from-dir", str(folder), "--listen", "{}:{}".format(*ADDRESS))
        argv, env = bench.wherry(*words)
        command = Command(argv, {**env, "XDG_RUNTIME_DIR": str(bench.work)})
        with backend(bench.work / "backend"), running(command, bench.work / "run.log") as daemon:
            daemon.wait_until(lambda: until(ADDRESS, host(0, "localhost"), answer(0), 1.0))
            edits = [_edit(folder, turn) for turn in range(1, bench.times(EDITS) + 1)]
        return [_section(edits)]


def _edit(folder: Path, turn: int) -> float:
    """Seconds from the renaming of the saved file to the new answer."""
    time.sleep(random.uniform(*IDLE))
    number = random.randrange(SERVICES)
    _save(folder, number, turn)
    begun = time.perf_counter()
    return until(ADDRESS, host(number, "localhost"), answer(number, turn)) - begun


def _save(folder: Path, number: int, turn: int) -> None:
    """As an editor does: a new file in the place of the old one.  JSON is YAML too."""
    new = folder / f".{name(number)}.new"
    new.write_text(json.dumps(service(number, turn), indent=2))
    new.rename(folder / f"{name(number)}.yaml")


def _section(edits: list[float]) -> Section:
    return Section(
        f"Proxy: from an edit to its new route, a folder of {SERVICES:,} manifests",
        "`proxy run --from-dir`: from the renaming of the saved file until a request is answered by the "
        "new upstream.",
        (("change", "times", "p50, ms", "p99, ms", "longest, ms"), ("a port edited", *spread(edits))),
        (
            Promise("an edit until it is served, p50", 1e3 * percentile(edits, 50), 50, "ms"),
            Promise("the same, p99", 1e3 * percentile(edits, 99), 250, "ms"),
        ),
        {"edits": edits},
    )
