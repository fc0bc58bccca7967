"""Workers of earlier generations: told to go as soon as there are new ones, and never too many of them.

nginx's master starts new workers, waits 100 ms, then tells the old ones to end.  Until then both take
connections, and the kernel wakes those first that wait longest: for 100 ms nearly every client still meets
the old routes.  We send the old workers the same SIGQUIT ourselves once new ones have been started.
Nothing is lost: the listening sockets are the master's, so what comes before a new worker is ready waits in
their backlog; and the master keeps SIGCHLD blocked until it has told the old workers itself, so it takes
none of them for a crash (ngx_master_process_cycle, nginx 1.22 to 1.30).

Old workers finish their requests and websockets, at most for ``worker_shutdown_timeout``; with nginx >=
1.27.4 they stay as long as idle connections of clients may (``keepalive_min_timeout``).  With many reloads
in that time they would pile up: beyond MOST generations the oldest are ended.  None is ended within GRACE
seconds, which would cost requests: the next reload waits instead (rest).
"""

from __future__ import annotations

import signal
import time

from wherry.proxy.reload.process import tell
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 32
"""Generations that may drain at the same time.  One takes 9 MiB with 1,000 routes, 12 MiB with 10,000
(measured with two workers that both hold connections)."""
GRACE = 6.0
"""Seconds that a generation has at least: as long as its clients' idle connections stay, and one more."""


class _Generation(NamedTuple):
    """Workers that drain, and since when."""

    workers: frozenset[int]
    since: float


class Draining:
    """Which workers belong to which earlier generation."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._generations: list[_Generation] = []
        self._old: frozenset[int] = frozenset()
        self._told = True

    def rest(self, workers: list[int]) -> float:
        """Seconds until a reload may come without an older generation being ended too early."""
        self._count(workers)
        if len(self._generations) < MOST:
            return 0.0
        return max(0.0, self._generations[-MOST].since + GRACE - self._clock())

    def begin(self, workers: list[int]) -> None:
        """The master is about to be told to reload; `workers` are its children now."""
        self._old = frozenset(workers) - self._draining()
        self._told = False

    def hasten(self, workers: list[int]) -> bool:
        """Call it until the reload is over: tells the old workers to end once there are new ones.

        Returns whether there are.
        """
        new = frozenset(workers) - self._old - self._draining()
        if new and not self._told:
            self._told = True
            for pid in self._old:
                tell(pid, signal.SIGQUIT)
        return bool(new)

    def settle(self, workers: list[int]) -> None:
        """The reload is over: count who is left."""
        self._generations.append(_Generation(self._old, self._clock()))
        self._old, self._told = frozenset(), True
        self._count(workers)
        for old in self._generations[:-MOST]:
            for pid in old.workers:
                tell(pid, signal.SIGTERM)

    def _draining(self) -> frozenset[int]:
        return frozenset[int]().union(*(one.workers for one in self._generations))

    def _count(self, workers: list[int]) -> None:
        alive = frozenset(workers)
        left = (one._replace(workers=one.workers & alive) for one in self._generations)
        self._generations = [one for one in left if one.workers]
