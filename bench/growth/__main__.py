"""Measures each curve and prints the table: ``python -m bench.growth``.

What is measured is the processor's time (user and system) of a command and its children, the least of a
few runs: a busy machine changes it little.  What a command costs that does nothing is taken off, as it does
not grow.  The exponent is the slope, by least squares, of the logarithm of the cost over that of the size.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine
from bench.growth import beside
from bench.growth.curves import CURVES
from bench.growth.slope import slope
from bench.namespaces import run_apart
from bench.programs import CommandFailed, NotHere
from bench.session import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.growth.curves import Curve

RUNS = 2


def spent(words: Sequence[str], root: Path) -> float:
    """Seconds of the processor.  Raises CalledProcessError where the command fails."""
    before = os.times()
    command = [sys.executable, "-m", "wherry", "--root", str(root), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def cost(curve: Curve, size: int) -> float:
    """The least of RUNS, each with everything made anew."""
    found = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            words = curve.prepare(folder, size)
            if curve.first:
                spent(words, folder / "store")
            found.append(spent(words, folder / "store"))
    return min(found)


def nothing() -> float:
    """What a command costs at least."""
    with tempfile.TemporaryDirectory() as name:
        return min(spent(["images"], Path(name) / "store") for _ in range(RUNS))


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth")
    parser.add_argument("--beside", action="store_true", help="builds, beside BuildKit (needs root)")
    parser.add_argument("--rounds", type=int, default=3, help="of --beside (default: 3)")
    parser.add_argument("--results", type=Path, help="where the page of --beside is written")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if not arguments.beside:
        alone()
        return 0
    if arguments.inside is None:
        return run_apart(words, "bench.growth")
    try:
        page = beside.measure(arguments.inside, arguments.rounds)
    except (NotHere, CommandFailed) as error:
        tell(f"error: {error}")
        return 1
    print(page)
    if arguments.results:
        arguments.results.mkdir(parents=True, exist_ok=True)
        (arguments.results / f"{machine.describe()['date']}-growth.md").write_text(page)
    return 0


def alone() -> None:
    least = nothing()
    print(f"Seconds of the processor beyond the {least:.2f} of a command that does nothing.\n")
    print("| curve | N | seconds | exponent |")
    print("|---|---|---|---|")
    for curve in CURVES:
        points = [(size, max(0.001, cost(curve, size) - least)) for size in curve.sizes]
        sizes = ", ".join(f"{size:,}" for size, _ in points)
        costs = ", ".join(f"{seconds:.2f}" for _, seconds in points)
        print(f"| {curve.name} | {sizes} | {costs} | {slope(points):.2f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
