"""COPY of many small files: first, again, and with one of them changed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from bench.peers import Peer, expect_cached, expect_work
from bench.scenarios import Clock, Row, Scenario
from bench.trees import name_of, settle, write_file, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

COUNT = 20_000
SIZE = 4096
CHANGED = 12_345


class ManyFiles(Scenario):
    """Each round gives all files a new content, so that the first COPY is one for every builder."""

    FIRST = Row("copy-first", "COPY of 20,000 files of 4 KiB, all of them new")
    UNCHANGED = Row("copy-unchanged", "the same files, nothing changed")
    ONE_CHANGED = Row("copy-one-changed", "the same files, one of them changed")
    rows = (FIRST, UNCHANGED, ONE_CHANGED)

    def prepare(self, work: Path) -> None:
        self._context = work / "context"
        self._dockerfile = work / "Dockerfile"
        self._dockerfile.write_text("FROM bench-small\nCOPY . /files/\n")

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        builders = [peer for peer in peers if peer.builds]
        write_files(self._context, COUNT, SIZE, f"round {number}")
        settle()
        for peer in builders:
            self._build(self.FIRST, peer, clock, functools.partial(expect_work, peer))
        for peer in builders:
            self._build(self.UNCHANGED, peer, clock, functools.partial(expect_cached, peer, 1))
        write_file(name_of(self._context, CHANGED), SIZE, f"changed in round {number}")
        settle()
        for peer in builders:
            self._build(self.ONE_CHANGED, peer, clock, functools.partial(expect_work, peer))

    def _build(self, row: Row, peer: Peer, clock: Clock, check: Callable[[str], None]) -> None:
        clock(row, peer.key, peer.build(self._context, self._dockerfile), check)
