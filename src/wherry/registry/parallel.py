"""Transfers that go on side by side."""

from __future__ import annotations

import queue
import threading

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

PATIENCE = 2.0
"""Seconds for the others to notice that one has failed, or that the user wants to end."""


class Stopped(Exception):
    """Another transfer failed: this one ends, too.  Never leaves each()."""


class Stop:
    """Whether transfers are to end; they look at it from time to time."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def check(self) -> None:
        """Raises Stopped."""
        if self._is_set:
            raise Stopped


def each(items: Sequence[T], work: Callable[[T], object], stop: Stop, *, number: int) -> None:
    """Do `work` for every item, for `number` of them at once, in their order.  Raises the first error."""
    waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    errors: list[BaseException] = []
    ended = threading.Semaphore(0)

    def worker() -> None:
        try:
            while True:
                stop.check()
                work(waiting.get_nowait())
        except (queue.Empty, Stopped):
            pass
        except BaseException as error:
            errors.append(error)
            stop.set()
        finally:
            ended.release()

    # A second interrupt ends the program without waiting for them.
    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(number, len(items)))]
    for thread in threads:
        thread.start()
    # Not by Thread.join(): CPython 3.11 takes one whose join() was interrupted for ended (bpo-45274).
    left = len(threads)
    try:
        while left:
            ended.acquire()
            left -= 1
    except KeyboardInterrupt:
        stop.set()
        while left and ended.acquire(timeout=PATIENCE):
            left -= 1
        raise
    if errors:
        raise errors[0]
