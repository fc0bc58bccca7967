"""Workers of earlier generations: told to go at once, and never too many of them.

The master waits 100 ms after it started new workers before it tells the old ones to end; until then both
take connections, and a client may still meet the old routes.  Once a new worker has answered, waiting
serves nothing: we send the same SIGQUIT ourselves.  Old workers finish their requests and websockets, at
most for ``worker_shutdown_timeout``; with many reloads in that time they would pile up, so beyond MOST
generations the oldest are ended.
"""

from __future__ import annotations

import signal

from wherry.proxy.reload.process import tell

MOST = 8
"""Generations that may drain at the same time."""


class Draining:
    """Which workers belong to which earlier generation."""

    def __init__(self) -> None:
        self._generations: list[frozenset[int]] = []
        self._before: frozenset[int] = frozenset()

    def before(self, workers: list[int]) -> None:
        """The master's children when it is told to reload."""
        known = frozenset().union(*self._generations)
        self._before = frozenset(workers) - known

    def after(self, workers: list[int]) -> None:
        """A new worker serves.  `workers`: the master's children now."""
        alive = frozenset(workers)
        for pid in self._before & alive:
            tell(pid, signal.SIGQUIT)
        generations = [*self._generations, self._before]
        self._generations = [g & alive for g in generations if g & alive]
        self._before = frozenset()
        for old in self._generations[:-MOST]:
            for pid in old:
                tell(pid, signal.SIGTERM)
