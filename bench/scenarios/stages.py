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
_STAGE = "FROM bench-small AS s{n}\nRUN sleep 2 && echo {value} > /done{n}\n"
_LAST = "FROM bench-small\n" + "".join(f"COPY --from=s{n} /done{n} /\n" for n in range(STAGES))


class IndependentStages(Scenario):
    ROW = Row("parallel", f"{STAGES} independent stages of `sleep 2`")
    rows = (ROW,)

    def prepare(self, work: Path) -> None:
        self._context = work / "context"
        self._context.mkdir()
        self._dockerfile = self._context / "Dockerfile"

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        # Other bytes each time, in the files too: the COPYs know those that they have seen.
        value = f"{number}-{time.time_ns()}"
        stages = "".join(_STAGE.format(n=n, value=value) for n in range(STAGES))
        self._dockerfile.write_text(stages + _LAST)
        for peer in peers:
            if peer.builds:
                self._build(peer, clock)

    def _build(self, peer: Peer, clock: Clock) -> None:
        command = peer.build(self._context, self._dockerfile)
        clock(self.ROW, peer.key, command, lambda output: expect_work(peer, output))
