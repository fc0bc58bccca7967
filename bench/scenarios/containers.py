"""A container from its creation to its removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.scenarios import Clock, Row, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.peers import Peer


class RunAndRemove(Scenario):
    ROW = Row("run-rm", "`run --rm IMAGE true`, the host's network")
    rows = (ROW,)

    def prepare(self, work: Path) -> None:
        """It reads nothing but a base image."""

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        for peer in peers:
            if peer.runs:
                clock(self.ROW, peer.key, peer.run("bench-small", "true"))
