"""What is measured.  A row times one command for each peer, peers interleaved in every round."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.peers import Docker, Peer, Wherry, seconds

FILES, FOLDERS, SIZE = 20_000, 100, 4096
STEPS = 10
SETTLE = 2.5  # seconds: no builder trusts the times of a file that was written just now
MULTI_STAGE = """\
FROM bb AS builder
WORKDIR /go/src
COPY httpserver.go .
RUN cp httpserver.go httpd
FROM bb
WORKDIR /root/
COPY --from=builder /go/src/httpd .
RUN chmod +x /root/httpd
ENTRYPOINT ["/root/httpd"]
"""


class Row(NamedTuple):
    """`times` holds, for each peer's name, seconds of every round."""

    title: str
    times: dict[str, list[float]]


def _rounds(runs: int, peers: Sequence[Peer], one: Callable[[Peer, int], float]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(runs):
        for peer in random.sample(list(peers), len(peers)):
            times[peer.name].append(one(peer, number))
    return times


def nothing_changed(peers: Sequence[Peer], work: Path, runs: int) -> list[Row]:
    context = work / "httpd"
    context.mkdir()
    (context / "Dockerfile").write_text(MULTI_STAGE)
    (context / "httpserver.go").write_bytes(os.urandom(6 << 20))
    time.sleep(SETTLE)
    for peer in peers:
        seconds(peer.build(context))
        seconds(peer.build(context))
    times = _rounds(runs, peers, lambda peer, _: seconds(peer.build(context)))
    return [Row("multi-stage httpd, nothing changed", times)]


def trivial_steps(peers: Sequence[Peer], work: Path, runs: int) -> list[Row]:
    context = work / "steps"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM bb\nARG NONCE\n" + "RUN true\n" * STEPS)

    def one(peer: Peer, number: int) -> float:
        return seconds(peer.build(context, "--build-arg", f"NONCE={number}-{time.time_ns()}"))

    times = _rounds(runs, peers, one)
    each = {name: [t / STEPS for t in found] for name, found in times.items()}
    return [Row(f"a trivial RUN step (a build of {STEPS}, divided)", each)]


def large_context(peers: Sequence[Peer], work: Path, runs: int) -> list[Row]:
    kinds = ("first", "unchanged", "one file changed")
    times: dict[str, dict[str, list[float]]] = {kind: {peer.name: [] for peer in peers} for kind in kinds}
    for number in range(runs):
        context = work / f"files-{number}"
        _many_files(context)
        for kind in kinds:
            if kind == "one file changed":
                (context / "d7/f7").write_bytes(os.urandom(SIZE))
                time.sleep(SETTLE)
            for peer in random.sample(list(peers), len(peers)):
                times[kind][peer.name].append(seconds(peer.build(context)))
        shutil.rmtree(context)
    return [Row(f"COPY of {FILES} files of 4 KiB, {kind}", times[kind]) for kind in kinds]


def _many_files(context: Path) -> None:
    for folder in range(FOLDERS):
        (context / f"d{folder}").mkdir(parents=True)
        for file in range(FILES // FOLDERS):
            (context / f"d{folder}/f{file}").write_bytes(os.urandom(SIZE))
    (context / "Dockerfile").write_text("FROM bb\nCOPY . /ctx/\n")
    subprocess.run(["sync"], check=True)
    time.sleep(SETTLE)


def containers(peers: Sequence[Peer], work: Path, runs: int) -> list[Row]:
    able = [peer for peer in peers if isinstance(peer, Wherry | Docker)]
    for peer in able:
        seconds(peer.run_true())
    return [Row("run --rm bb true, host network", _rounds(runs, able, lambda p, _: seconds(p.run_true())))]  # type: ignore[attr-defined]


def start_up(peers: Sequence[Peer], work: Path, runs: int) -> list[Row]:
    wherry = next(peer for peer in peers if isinstance(peer, Wherry))
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    times: dict[str, list[float]] = {"wherry": [], "python -I -S -c pass": []}
    for _ in range(runs * 3):
        times["wherry"].append(seconds([wherry.words[0], "version"]))
        times["python -I -S -c pass"].append(seconds(bare))
    return [Row("wherry version, beside a bare interpreter", times)]


ROWS: dict[str, Callable[[Sequence[Peer], Path, int], list[Row]]] = {
    "start-up": start_up,
    "nothing-changed": nothing_changed,
    "steps": trivial_steps,
    "files": large_context,
    "run": containers,
}
