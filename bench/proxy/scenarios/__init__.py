"""What is measured of the proxy.  One is added by a file here and its class in `all_proxy_scenarios`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from bench.programs import Command
    from bench.proxy.tables import Section
    from bench.scenarios import Row

PROXY = "Proxy"


class Bench(NamedTuple):
    """`work`: a folder of the scenario's own, with a short path.  `share`: 1.0, or less for a trial."""

    work: Path
    program: str
    environment: dict[str, str]
    share: float

    def wherry(self, *words: str) -> Command:
        from bench.programs import Command

        return Command((self.program, "proxy", *words), self.environment)

    def times(self, full: int) -> int:
        """So many of `full` repetitions, two at least."""
        return max(2, round(full * self.share))


class ProxyScenario(ABC):
    """Rows that are measured together."""

    rows: tuple[Row, ...]

    @abstractmethod
    def measure(self, bench: Bench) -> list[Section]:
        """Raises NotHere where something is missing, CommandFailed where something went wrong."""


def all_proxy_scenarios() -> tuple[ProxyScenario, ...]:
    from bench.proxy.scenarios.blocks import BlockForEach
    from bench.proxy.scenarios.cluster import FollowedCluster
    from bench.proxy.scenarios.laptop import FollowedFolder
    from bench.proxy.scenarios.leaks import Leaks
    from bench.proxy.scenarios.reloads import ReloadsUnderLoad
    from bench.proxy.scenarios.throughput import Throughput

    return FollowedCluster(), FollowedFolder(), ReloadsUnderLoad(), BlockForEach(), Throughput(), Leaks()
