"""The slope by which a leak is told from noise."""

from __future__ import annotations

import pytest
from bench.proxy.scenarios.leaks import BETWEEN, slope


def test_what_grows_by_the_same_each_time_has_that_slope_and_no_error() -> None:
    found = slope([10 + 0.5 * n for n in range(20)])
    assert found.value == pytest.approx(0.5 * 1000 / BETWEEN) and found.error == pytest.approx(0, abs=1e-9)


def test_what_goes_up_and_down_has_a_slope_within_its_error() -> None:
    found = slope([10 + n % 2 for n in range(40)])
    assert abs(found.value) < 3 * found.error


def test_two_samples_say_nothing() -> None:
    assert slope([1.0, 9.0]) == (0.0, 0.0)
