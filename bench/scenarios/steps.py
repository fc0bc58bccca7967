"""What a RUN costs that does nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.peers import Peer, expect_work
from bench.scenarios import Clock, Row, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STEPS = 10
# The value of the ARG is in the environment of each RUN: another value, another step.
DOCKERFILE = "FROM bench-small\nARG ROUND\n" + "".join(f"RUN true {n}\n" for n in range(STEPS))


class TrivialSteps(Scenario):
    ROW = Row("run-step", f"`RUN true`, a step of {STEPS} in one build", divisor=STEPS)
    rows = (ROW,)

    def prepare(self, work: Path) -> None:
        self._context = work / "context"
        self._context.mkdir()
        self._dockerfile = self._context / "Dockerfile"
        self._dockerfile.write_text(DOCKERFILE)

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        value = f"{number}-{time.time_ns()}"
        for peer in peers:
            if peer.builds:
                self._build(value, peer, clock)

    def _build(self, value: str, peer: Peer, clock: Clock) -> None:
        command = peer.build(self._context, self._dockerfile, {"ROUND": value})
        clock(self.ROW, peer.key, command, lambda output: expect_work(peer, output))
