"""The exponent of a curve."""

from __future__ import annotations

import pytest
from bench.growth.slope import slope


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(exponent: float) -> None:
    points = [(size, 0.003 * size**exponent) for size in (10, 70, 400, 9_000)]
    assert slope(points) == pytest.approx(exponent)
