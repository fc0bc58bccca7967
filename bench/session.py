"""One run: peers started, scenarios in rounds, what was measured."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from bench.disks import fresh_disk
from bench.images import make_images
from bench.peers import Peer, all_peers
from bench.programs import CommandFailed, NotHere, run
from bench.report import NOT_HERE, Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from bench.programs import Command
    from bench.scenarios import Row, Scenario


class Samples:
    """The figures of a run by row and column.  Is the scenarios' clock."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seconds: dict[tuple[str, str], list[float]] = {}
        self._problems: dict[tuple[str, str], str] = {}
        self.counting = False

    def __call__(
        self, row: Row, column: str, command: Command, check: Callable[[str], None] | None = None
    ) -> None:
        try:
            seconds, output = run(command, self._log)
            if check is not None:
                check(output)
        except (CommandFailed, OSError) as error:
            self._problems[row.key, column] = str(error)
            tell(f"{row.key}, {column}: failed: {error}")
            return
        if self.counting:
            self._seconds.setdefault((row.key, column), []).append(seconds / row.divisor)

    def cell(self, row: Row, column: str) -> Cell | None:
        """None where the column has nothing to do with the row."""
        key = row.key, column
        if key not in self._seconds and key not in self._problems:
            return None
        return Cell(tuple(self._seconds.get(key, ())), self._problems.get(key, ""))


class Peers:
    """Those that are here, started, and those that are not, with the reason."""

    def __init__(self) -> None:
        self.here: list[Peer] = []
        self.missing: dict[str, str] = {}
        self.titles: dict[str, str] = {}

    @contextlib.contextmanager
    def started(self, folder: Path, *, sid: bool) -> Iterator[Peers]:
        """Start each on a fresh disk of its own with the base images loaded; stop them at the end."""
        images = make_images(folder)
        with contextlib.ExitStack() as stack:
            for peer in all_peers(folder, sid=sid):
                try:
                    self._start(peer, folder, stack)
                    for image in images:
                        peer.load(image)
                except (NotHere, CommandFailed) as error:
                    if not (peer.optional and isinstance(error, NotHere)):
                        self.titles[peer.key] = peer.title
                        self.missing[peer.key] = str(error)
                        tell(f"{peer.key} is not here: {error}")
                    continue
                self.titles[peer.key] = peer.title
                self.here.append(peer)
            yield self

    @staticmethod
    def _start(peer: Peer, folder: Path, stack: contextlib.ExitStack) -> None:
        peer.require()
        disk = stack.enter_context(fresh_disk(folder, peer.key))
        stack.callback(peer.stop)
        peer.start(disk, folder)

    def cell(self, row: Row, column: str, samples: Samples) -> Cell | None:
        """A cell of the table: figures, a failure, or that the peer is not here."""
        if column in self.missing:
            return Cell(problem=NOT_HERE)
        return samples.cell(row, column)


def measure(
    scenarios: Sequence[Scenario], peers: Sequence[Peer], folder: Path, rounds: int, samples: Samples
) -> None:
    """Go through the scenarios, one uncounted round first; another peer begins each round."""
    for number, scenario in enumerate(scenarios):
        work = folder / str(number)
        work.mkdir()
        scenario.prepare(work)
        for turn in range(rounds + 1):
            tell(f"{', '.join(row.key for row in scenario.rows)}: round {turn} of {rounds}")
            samples.counting = turn > 0
            first = turn % len(peers)
            scenario.round(turn, [*peers[first:], *peers[:first]], samples)


def chosen(scenarios: Sequence[Scenario], only: Collection[str]) -> list[Scenario]:
    """The scenarios that have one of these rows; all where none is named."""
    return [s for s in scenarios if not only or any(row.key in only for row in s.rows)]


def tell(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
