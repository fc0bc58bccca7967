"""What an image carries for nothing: the first page of `explore`, and its page as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.images import make_layers
from bench.peers.wherry import Wherry
from bench.programs import CommandFailed
from bench.scenarios import EXPLORES, Clock, Row, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.peers import Peer

MIB = 1 << 20
LARGEST_PAGE = 3_000_000


class Explored(Scenario):
    ARCHIVE = Row(
        "explore-archive", "first page of an archive of 450 MB in 3 layers of 5,000 files", EXPLORES
    )
    STORE = Row("explore-store", "the same from wherry's store", EXPLORES)
    HTML = Row("explore-html", "`--html` of an image of 30,000 files from the store", EXPLORES)
    rows = (ARCHIVE, STORE, HTML)

    def prepare(self, work: Path) -> None:
        self._page = work / "page.html"
        self._archive = make_layers(work / "few.tar", "bench-few", layers=3, files=5000, size=150 * MIB)
        self._many = make_layers(work / "many.tar", "bench-30000", layers=3, files=10_000, size=30 * MIB)
        self._loaded = False

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        for peer in peers:
            if peer.explores:
                clock(self.ARCHIVE, peer.key, peer.explore(self._archive))
        for peer in peers:
            if isinstance(peer, Wherry):
                if not self._loaded:
                    peer.load_archive(self._archive)
                    peer.load_archive(self._many)
                    self._loaded = True
                clock(self.STORE, peer.key, peer.command("explore", "bench-few"))
                words = ("explore", "--html", str(self._page), "bench-30000")
                clock(self.HTML, peer.key, peer.command(*words), self._check)

    def _check(self, output: str) -> None:
        if self._page.stat().st_size >= LARGEST_PAGE:
            raise CommandFailed(f"the page has {self._page.stat().st_size} bytes")
