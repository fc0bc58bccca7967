"""``python -m bench [--runs N] [--only ROW]…``: the table on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine
from bench.disks import fresh_disk
from bench.namespaces import run_apart
from bench.page import Results
from bench.programs import NotHere
from bench.proxy.session import measure_proxy, proxy_rows
from bench.scenarios import all_scenarios
from bench.session import Peers, Samples, chosen, measure, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.scenarios import Row, Scenario

LEAST_ROUNDS = 7
RESULTS = Path(__file__).parent / "results"
NEEDED = ("setpriv", "unshare", "mkfs.ext4", "mount")


def main(words: list[str]) -> int:
    arguments = _parser().parse_args(words)
    if arguments.list:
        print("\n".join(f"{row.key:18}{row.title}" for row in _rows()))
        return 0
    if arguments.inside is None:
        problem = _problem()
        if problem:
            tell(f"error: {problem}")
            return 1
        return run_apart(words)
    try:
        return _measure(arguments)
    except KeyboardInterrupt:
        return 130
    except NotHere as error:
        tell(f"error: {error}")
        return 1


def _rows() -> list[Row]:
    return [*(row for scenario in all_scenarios() for row in scenario.rows), *proxy_rows()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="wherry and its peers, side by side"
    )
    keys = [row.key for row in _rows()]
    parser.add_argument("--runs", type=int, default=LEAST_ROUNDS, help="counted rounds (default: 7)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=keys,
        metavar="ROW",
        help="with those measured beside it",
    )
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--results", type=Path, help="where to write; a trial is written nowhere else")
    parser.add_argument("--sid", action="store_true", help="docker, podman and skopeo of Debian sid")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser


def _problem() -> str:
    if os.geteuid() != 0:
        return "needs root: it mounts disks and starts daemons"
    missing = [program for program in NEEDED if shutil.which(program) is None]
    return f"not on PATH: {', '.join(missing)}" if missing else ""


def _measure(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.inside
    results = Results(arguments.runs, machine.describe())
    scenarios = chosen(all_scenarios(), arguments.only)
    if scenarios:
        _measure_builders(folder, scenarios, results, sid=arguments.sid)
    results.sections = measure_proxy(folder, arguments.only, min(1.0, arguments.runs / LEAST_ROUNDS))
    print(results.markdown())
    trial = arguments.runs < LEAST_ROUNDS or arguments.only
    if arguments.results or not trial:
        results.write(arguments.results or RESULTS)
    return 0


def _measure_builders(folder: Path, scenarios: Sequence[Scenario], results: Results, *, sid: bool) -> None:
    samples = Samples(folder / "output")
    with Peers().started(folder, sid=sid) as peers, fresh_disk(folder, "work") as work:
        if not peers.here:
            raise NotHere("there is nothing to measure")
        measure(scenarios, peers.here, work, results.rounds, samples)
        results.about |= {peer.title.split()[0]: peer.version() for peer in peers.here}
        rows = [row for scenario in scenarios for row in scenario.rows]
        columns = [*peers.titles, "seconds"]
        found = {(r.key, c): peers.cell(r, c, samples) for r in rows for c in columns}
    cells = {key: cell for key, cell in found.items() if cell is not None}
    results.add_builders(peers.titles, rows, cells, peers.missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
