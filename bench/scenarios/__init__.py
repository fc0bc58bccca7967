"""What is measured.  A scenario is added by a file here and its class in `all_scenarios`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.peers import Peer
    from bench.programs import Command

BUILDERS = "Builders"
START = "Start-up"
MOVES = "Registries and archives"
EXPLORES = "What is in an image"


class Row(NamedTuple):
    """A row of the table.  `divisor`: how many of what its title names one command does."""

    key: str
    title: str
    section: str = BUILDERS
    divisor: int = 1


class Clock(Protocol):
    def __call__(
        self, row: Row, column: str, command: Command, check: Callable[[str], None] | None = None
    ) -> None:
        """Time a command into a cell; `check` gets its output and raises CommandFailed.

        A failure is written into the cell and not raised: the other peers go on.
        """


class Scenario(ABC):
    """Rows that are measured together.  `work` is a folder of its own on a fresh disk."""

    rows: tuple[Row, ...]

    @abstractmethod
    def prepare(self, work: Path) -> None:
        """Write what the commands read.  Called once."""

    @abstractmethod
    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        """Time every row once for every peer, in the order given.  Round 0 is not counted."""


def all_scenarios() -> tuple[Scenario, ...]:
    from bench.scenarios.containers import RunAndRemove
    from bench.scenarios.explain import Explained
    from bench.scenarios.explore import Explored
    from bench.scenarios.files import ManyFiles
    from bench.scenarios.stages import IndependentStages
    from bench.scenarios.start import StartUp
    from bench.scenarios.steps import TrivialSteps
    from bench.scenarios.transfers import Transfers
    from bench.scenarios.unchanged import Unchanged

    return (
        Unchanged(),
        TrivialSteps(),
        IndependentStages(),
        ManyFiles(),
        RunAndRemove(),
        StartUp(),
        Explained(),
        Transfers(),
        Explored(),
    )
