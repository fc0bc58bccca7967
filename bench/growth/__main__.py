"""Measures each curve and prints the table: ``python -m bench.growth``.

What is measured is the processor's time (user and system) of a command and its children, the least of a
few runs: a busy machine changes it little.  What a command costs that does nothing is taken off, as it does
not grow.  The exponent is the slope, by least squares, of the logarithm of the cost over that of the size.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.growth.curves import CURVES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.growth.curves import Curve

RUNS = 2


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The exponent of a cost over a size, both above 0, by least squares."""
    logs = [(math.log(size), math.log(cost)) for size, cost in points]
    x, y = (sum(each) / len(logs) for each in zip(*logs, strict=True))
    spread = sum((a - x) * (a - x) for a, _ in logs)
    return float(sum((a - x) * (b - y) for a, b in logs) / spread)


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


def main() -> None:
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
    main()
