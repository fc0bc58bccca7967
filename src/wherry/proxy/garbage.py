"""Python's collector, for a process that runs for months and holds mostly what stays."""

from __future__ import annotations

import gc
import time

WHOLE = 3600.0
"""Seconds between two looks at everything."""
SELDOM = 1_000_000
"""Looks at what is younger for each look of Python's own at everything: settle() has those."""


class Garbage:
    """settle() is called when a change is done; what is there then is looked at no more, for WHOLE seconds.

    Ten thousand Services are no garbage: to walk them costs more than to render them.  A look at what is
    new costs little, and empties CPython's free lists: those of tuples grow with every change, for a tuple
    is put back by a length that it was not taken by.
    """

    def __init__(self) -> None:
        self._due = 0.0
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, SELDOM)

    def settle(self) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + WHOLE
            gc.unfreeze()
        gc.collect()
        gc.freeze()
