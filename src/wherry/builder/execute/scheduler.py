"""The stages of a build: one after the other while all of them are known, then side by side.

A build that comes whole from the cache stays in one thread, which is the quickest.  The first step that has
to be made spreads the stages out; each waits only where it needs another one.
"""

from __future__ import annotations

import contextlib
import time

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.builder.execute.executor import Executor
    from wherry.builder.plan.values import StageResult


class Schedule:
    """What each stage gave, by its number: asking for one waits until it is there.

    `build` makes one stage, `stop` ends the processes of all; `jobs` is how many steps may be made at once.
    """

    def __init__(
        self,
        order: Sequence[int],
        build: Callable[[int], StageResult],
        stop: Callable[[], None],
        jobs: int,
    ) -> None:
        self._build = build
        self._stop = stop
        self._jobs = jobs
        self._order = tuple(order)
        self._pending = list(order)
        self._done: dict[int, StageResult] = {}
        self._executor: Executor | None = None

    def run(self) -> StageResult:
        """All stages; what the last one gave.

        The first error of any of them stops the others and is raised, and so does an interrupt.
        """
        try:
            while self._pending:
                self._finish(self._pending.pop(0))
        except BaseException as error:
            if self._executor is None:
                raise
            self._executor.fail(error)
        if self._executor is not None:
            self._executor.join()
        return self._done[self._order[-1]]

    def _finish(self, number: int) -> None:
        result = self._build(number)
        if self._executor is None:
            self._done[number] = result
        else:
            self._executor.finish(number, result)

    def spread(self) -> None:
        """Go on with the stages that have not begun, beside this one.

        To be called in the main thread, once everything that threads inherit is set up.
        """
        if not self._pending or self._jobs < 2:
            return
        from wherry.builder.execute.executor import Executor

        waiting, self._pending = self._pending, []
        self._executor = Executor(self._done, self._build, self._stop, self._jobs)
        self._executor.start(waiting)

    def __contains__(self, number: int) -> bool:
        return number in self._order

    def __getitem__(self, number: int) -> StageResult:
        return self._done[number] if self._executor is None else self._executor.result(number)

    @property
    def stopping(self) -> bool:
        """Whether a stage has failed, so that the others are to end."""
        return self._executor is not None and self._executor.stopping

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Make a step: only so many are made at once."""
        if self._executor is None:
            yield
            return
        with self._executor.slot():
            yield

    def pause(self, seconds: float) -> None:
        """Sleep.  Raises Stopped once a stage has failed."""
        if self._executor is None:
            time.sleep(seconds)
        else:
            self._executor.pause(seconds)
