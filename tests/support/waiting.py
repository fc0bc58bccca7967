"""Waiting for what others do: a slow machine is given long, and a fast one takes no longer than needed."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds; where tests wait that long, something is wrong."""


def wait_until(done: Callable[[], object], what: str = "it", patience: float = PATIENCE) -> None:
    """Poll until `done` gives something true; fails the test where that never comes."""
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, f"{what} did not happen within {patience} s"
        time.sleep(0.01)
