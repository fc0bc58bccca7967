"""A power cut loses the last seconds at most, and what it hurt is refused, healed, or made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.powercut import cut_power


@pytest.mark.root
def test_after_a_power_cut_nothing_wrong_is_used_and_a_build_makes_all_right(tmp_path: Path) -> None:
    seen = cut_power(tmp_path / "power", copies=6)
    assert seen["copies"] == 6
    assert seen["right"] >= 6
