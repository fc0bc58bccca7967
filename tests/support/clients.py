"""Clients that ask at once until a block ends, and what became of their requests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Self


class Clients:
    """Each run is a client's, in a thread of its own: it asks until `stop` is set, and counts answers."""

    def __init__(self, runs: Iterable[Callable[[], None]]) -> None:
        self.seen: Counter[str] = Counter()
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=run) for run in runs]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def count(self, said: str) -> None:
        with self._lock:
            self.seen[said] += 1
