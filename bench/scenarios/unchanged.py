"""A build in which nothing changed: what everybody waits for most often."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.machine import CHECKOUT
from bench.peers import Peer, expect_cached
from bench.scenarios import Clock, Row, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# examples/httpd/Dockerfile with `cp` for the compiler.
DOCKERFILE = """\
FROM bench-builder AS builder
WORKDIR /go/src
COPY httpserver.go .
RUN cp httpserver.go httpd
FROM bench-small
WORKDIR /root/
COPY --from=builder /go/src/httpd .
RUN chmod +x /root/httpd
ENTRYPOINT ["/root/httpd"]
"""
STEPS = 4  # the COPYs and the RUNs


class Unchanged(Scenario):
    ROW = Row("unchanged", "httpd in two stages, `cp` for the compiler, nothing changed")
    rows: tuple[Row, ...] = (ROW,)

    def prepare(self, work: Path) -> None:
        self._context = work / "context"
        self._dockerfile = self._context / "Dockerfile"
        self._context.mkdir()
        self._dockerfile.write_text(DOCKERFILE)
        shutil.copy(CHECKOUT / "examples/httpd/httpserver.go", self._context)

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        for peer in peers:
            if peer.builds:
                self._build(number, peer, clock)

    def _build(self, number: int, peer: Peer, clock: Clock) -> None:
        def check(output: str) -> None:
            if number:
                expect_cached(peer, STEPS, output)

        clock(self.ROW, peer.key, peer.build(self._context, self._dockerfile), check)
