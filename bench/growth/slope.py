"""PURE: the exponent of a cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def slope(points: Sequence[tuple[float, float]]) -> float:
    """That of a cost over a size, both above 0: the slope of their logarithms, by least squares."""
    logs = [(math.log(size), math.log(cost)) for size, cost in points]
    x, y = (sum(each) / len(logs) for each in zip(*logs, strict=True))
    spread = sum((a - x) * (a - x) for a, _ in logs)
    return float(sum((a - x) * (b - y) for a, b in logs) / spread)
