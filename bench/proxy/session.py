"""The proxy's scenarios one after another, in a network of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.peers.wherry import Wherry
from bench.programs import CommandFailed, NotHere, environment
from bench.proxy.network import enter_own_network
from bench.proxy.scenarios import Bench, ProxyScenario, all_proxy_scenarios
from bench.proxy.tables import Section
from bench.session import tell
from wherry.errors import WherryError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from bench.scenarios import Row


def proxy_rows() -> list[Row]:
    return [row for scenario in all_proxy_scenarios() for row in scenario.rows]


def measure_proxy(folder: Path, only: Collection[str], share: float) -> list[Section]:
    """The sections of the page; a scenario that could not be measured has one that says why.

    `share` is 1.0, or less for a trial.  Raises NotHere.  This thread stays in the new network.
    """
    chosen = [s for s in all_proxy_scenarios() if not only or any(row.key in only for row in s.rows)]
    if not chosen:
        return []
    wherry = Wherry(folder)
    wherry.require()
    enter_own_network()
    folder.chmod(0o711)  # nginx's workers, another user, reach the files of the backend
    bench = Bench(folder, wherry.program, environment(folder), share)
    return [section for scenario in chosen for section in _measure(scenario, bench)]


def _measure(scenario: ProxyScenario, bench: Bench) -> list[Section]:
    keys = ", ".join(row.key for row in scenario.rows)
    tell(f"{keys}: measured")
    work = bench.work / scenario.rows[0].key
    work.mkdir(mode=0o711)
    try:
        return scenario.measure(bench._replace(work=work))
    except (NotHere, CommandFailed, WherryError, OSError) as error:
        tell(f"{keys}: failed: {error}")
        word = "not here" if isinstance(error, NotHere) else "failed"
        title = "; ".join(row.title for row in scenario.rows)
        return [Section(f"Proxy: {keys}", f"{title}: {word}.", (), (), {word: str(error)})]
