"""What `wherry explain` costs the builds that it explains: the same build with and without its record."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.peers import expect_cached
from bench.peers.wherry import Wherry
from bench.scenarios import START, Clock, Row
from bench.scenarios.start import COLUMN, TIMES
from bench.scenarios.unchanged import STEPS, Unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.peers import Peer

# Both rows start in the same way, so that nothing but the record is between them.
START_IT = "import sys, wherry.store.builds as b; {}; from wherry.cli.main import main; sys.exit(main())"
RECORD_NOTHING = "b.Builds.add = lambda self, record: None"


class Explained(Unchanged):
    WITH = Row("recorded", "a cached build, as it is: `wherry explain` can tell of it", START)
    WITHOUT = Row("unrecorded", "the same without the record that `wherry explain` reads", START)
    rows = (WITH, WITHOUT)

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        for peer in peers:
            if isinstance(peer, Wherry):
                for turn in range(TIMES):
                    self._both_ways(first=not number and not turn, peer=peer, clock=clock)

    def _both_ways(self, *, first: bool, peer: Wherry, clock: Clock) -> None:
        def check(output: str) -> None:
            if not first:
                expect_cached(peer, STEPS, output)

        build = peer.build(self._context, self._dockerfile)
        for row, do in ((self.WITH, "pass"), (self.WITHOUT, RECORD_NOTHING)):
            argv = (sys.executable, "-c", START_IT.format(do), *build.argv[1:])
            clock(row, COLUMN, build._replace(argv=argv), check if row is self.WITHOUT else None)
