"""When each source was last heard of, in a file beside what is served: for ``status`` and for ``serve``."""

from __future__ import annotations

import contextlib
import threading
import time

from wherry.errors import ProxyError
from wherry.proxy import status
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.proxy.monitor import Monitor

EVERY = 20.0
"""Seconds between two beats: each wakes two containers, and after three that fail to come somebody asks."""


class Heartbeat:
    """Writes `folder`/sources.json in a thread of its own, as long as this process lives."""

    def __init__(self, folder: str, monitor: Monitor) -> None:
        self._folder = folder
        self._monitor = monitor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nothing is written any more once this returns."""
        self._stop.set()
        self._thread.join()

    def beat(self) -> None:
        """Raises ProxyError."""
        facts, now, clock = self._monitor.facts(), time.time(), time.monotonic()
        heard = {
            name: None if last is None else now - (clock - last) for name, last in facts.last_heard.items()
        }
        status.write_sources(self._folder, heard, facts.last_error)

    def _run(self) -> None:
        pause = 1.0  # what was heard first is told soon
        while True:
            with contextlib.suppress(ProxyError):  # a full disk: the reload says so
                self.beat()
            if self._stop.wait(pause):
                return
            pause = EVERY
