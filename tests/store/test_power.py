"""A power cut loses the last seconds at most, and what it hurt is refused, healed, or made again.

`tests.soak.power` cuts it: here one round of six cuts; ``make soak`` goes on for as long as it is given.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.checkout import ROOT
from support.machine import require

ROUND = ["--minutes", "0.1", "--seed", "1", "--only", "power:cut:0"]


@pytest.mark.root
def test_after_a_power_cut_nothing_wrong_is_used_and_a_build_makes_all_right() -> None:
    require(os.path.exists("/dev/fuse"), "needs /dev/fuse")
    words = [sys.executable, "-m", "tests.soak", *ROUND]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("power ")]
    assert row == ["power", "cut", "6", "0", "0"], done.stdout
