"""The threads of a build whose stages run side by side.

A process that a thread starts is bound to it: the kernel ends it with the thread (prctl(2),
PR_SET_PDEATHSIG).  So each step's process is started and waited for in one thread, that of its stage.
"""

from __future__ import annotations

import contextlib
import threading

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.builder.plan.values import StageResult


class Stopped(Exception):
    """Another stage failed: this one ends, too.  Never leaves the build."""


class Executor:
    """One thread for each stage.  `done` is shared with the thread that made us, which has a stage too."""

    def __init__(
        self,
        done: dict[int, StageResult],
        build: Callable[[int], StageResult],
        stop: Callable[[], None],
        jobs: int,
    ) -> None:
        self._done = done
        self._build = build
        self._stop = stop
        self._free = jobs
        # Who waits is woken for what it waits for alone: hundreds of stages would wake each other
        # all the time.
        self._lock = threading.RLock()
        self._slots, self._ends = threading.Condition(self._lock), threading.Condition(self._lock)
        self._results: dict[int, threading.Condition] = {}
        self._error: BaseException | None = None
        self._begun = self._ended = 0

    def start(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            # A second interrupt ends wherry without waiting for them.
            thread = threading.Thread(
                target=self._work, args=(number,), name=f"stage {number}", daemon=True
            )
            thread.start()
            self._begun += 1

    def _work(self, number: int) -> None:
        try:
            self.finish(number, self._build(number))
        except BaseException as error:
            self.fail(error)
        finally:
            with self._lock:
                self._ended += 1
                self._ends.notify_all()

    def finish(self, number: int, result: StageResult) -> None:
        with self._lock:
            self._done[number] = result
            self._of(number).notify_all()

    def fail(self, error: BaseException) -> None:
        """The first error is the build's; whatever it makes the others say is not."""
        with self._lock:
            if self._error is None:
                self._error = error
            for waited_for in (self._slots, self._ends, *self._results.values()):
                waited_for.notify_all()
        self._stop()

    def join(self) -> None:
        """Wait for all threads.  Raises the first error.

        Not by Thread.join(): CPython 3.11 takes a thread whose join() was interrupted for one that has
        ended (bpo-45274), and what it still works on would be removed below its hands.
        """
        try:
            self._wait_for_threads()
        except KeyboardInterrupt as interrupt:
            self.fail(interrupt)
            self._wait_for_threads()
        if self._error is not None:
            raise self._error

    def _wait_for_threads(self) -> None:
        with self._lock:
            self._ends.wait_for(lambda: self._ended == self._begun)

    @property
    def stopping(self) -> bool:
        return self._error is not None

    def result(self, number: int) -> StageResult:
        """Wait for a stage.  Raises Stopped."""
        with self._lock:
            self._wait(self._of(number), lambda: number in self._done)
            return self._done[number]

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """One of the places for steps that are made.  Raises Stopped while it waits."""
        with self._lock:
            self._wait(self._slots, self._take)
        try:
            yield
        finally:
            with self._lock:
                self._free += 1
                self._slots.notify()

    def _take(self) -> bool:
        if not self._free:
            return False
        self._free -= 1
        return True

    def pause(self, seconds: float) -> None:
        with self._lock:
            if self._ends.wait_for(lambda: self.stopping, seconds):
                raise Stopped

    def _of(self, number: int) -> threading.Condition:
        """What those wait for who want a stage's result."""
        return self._results.setdefault(number, threading.Condition(self._lock))

    def _wait(self, for_it: threading.Condition, ready: Callable[[], bool]) -> None:
        for_it.wait_for(lambda: self.stopping or ready())
        if self.stopping:
            raise Stopped
