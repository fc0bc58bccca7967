"""Workers of earlier generations: told to go as soon as there are new ones, and never too many of them.

nginx's master starts new workers, waits 100 ms, then tells the old ones to end.  Until then both take
connections, and the kernel wakes those first that wait longest: for 100 ms nearly every client still meets
the old routes.  We send the old workers the same SIGQUIT ourselves once new ones have been started.
Nothing is lost: the listening sockets are the master's, so what comes before a new worker is ready waits in
their backlog; and the master keeps SIGCHLD blocked until it has told the old workers itself, so it takes
none of them for a crash (ngx_master_process_cycle, nginx 1.22 to 1.30).

Old workers finish their requests and websockets, at most for ``worker_shutdown_timeout``.  With many
reloads in that time they would pile up: beyond MOST generations the oldest are ended.
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
        self._old: frozenset[int] = frozenset()
        self._told = True

    def begin(self, workers: list[int]) -> None:
        """The master is about to be told to reload; `workers` are its children now."""
        self._old = frozenset(workers).difference(*self._generations)
        self._told = False

    def hasten(self, workers: list[int]) -> bool:
        """Call it until the reload is over: tells the old workers to end once there are new ones.

        Returns whether there are.
        """
        new = frozenset(workers).difference(self._old, *self._generations)
        if new and not self._told:
            self._told = True
            for pid in self._old:
                tell(pid, signal.SIGQUIT)
        return bool(new)

    def settle(self, workers: list[int]) -> None:
        """The reload is over: count who is left."""
        alive = frozenset(workers)
        self._generations = [left for g in (*self._generations, self._old) if (left := g & alive)]
        self._old, self._told = frozenset(), True
        for old in self._generations[:-MOST]:
            for pid in old:
                tell(pid, signal.SIGTERM)
