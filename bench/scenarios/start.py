"""How long wherry takes to do nothing, beside the interpreter that it needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.peers.wherry import Wherry
from bench.programs import Command
from bench.scenarios import START, Clock, Row, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.peers import Peer

TIMES = 5  # in each round: milliseconds scatter more than seconds
COLUMN = "seconds"


class StartUp(Scenario):
    BARE = Row("bare-python", "`python -I -S -c pass`", START)
    VERSION = Row("version", "`wherry version`", START)
    rows = (BARE, VERSION)

    def prepare(self, work: Path) -> None:
        """It reads nothing."""

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        for peer in peers:
            if isinstance(peer, Wherry):
                version = peer.command("version")
                bare = Command((sys.executable, "-I", "-S", "-c", "pass"), version.env)
                for _ in range(TIMES):
                    clock(self.BARE, COLUMN, bare)
                    clock(self.VERSION, COLUMN, version)
