"""What stages cost that do not need each other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.peers import Peer, expect_work
from bench.scenarios import Clock, Row, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STAGES = 4
_STAGE = "FROM bench-small AS s{n}\nARG ROUND\nRUN sleep 2 && echo {n} > /done{n}\n"
_LAST = "FROM bench-small\n" + "".join(f"COPY --from=s{n} /done{n} /\n" for n in range(STAGES))
DOCKERFILE = "".join(_STAGE.format(n=n) for n in range(STAGES)) + _LAST


class IndependentStages(Scenario):
    ROW = Row("parallel", f"{STAGES} independent stages of `sleep 2`")
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
