"""All pods of one command: stages side by side, then the image."""

from __future__ import annotations

import os
import queue
import re
import threading
from typing import TYPE_CHECKING

from wherry.jobs.run import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.builder.progress import Progress
    from wherry.jobs.cluster import Jobs
    from wherry.jobs.manifest import Given
    from wherry.jobs.options import PodOptions
    from wherry.jobs.stages import StagePod
    from wherry.jobs.words import Words

LEAVE = 20.0
"""Seconds in which pods that are told to end do."""
LONGEST_NAME = 30
"""Characters of a repository in the names of its Jobs, which have 63 with all that follows."""


def build(
    jobs: Jobs,
    words: Words,
    given: Given,
    options: PodOptions,
    progress: Progress,
    *,
    parallel: int,
) -> Outcome:
    """Each stage as soon as what it needs is there, at most `parallel` at once; then the image.

    The first failure ends all.  However it ends, nothing stays in the cluster.  Raises ClusterError.
    """
    stop = threading.Event()
    base = re.sub("[^a-z0-9-]+", "-", words.repository.rpartition("/")[2])[:LONGEST_NAME].strip("-")
    name = f"wherry-{base}-{os.urandom(4).hex()}"

    def one(suffix: str, line: Sequence[str]) -> Outcome:
        return run(jobs, name + suffix, line, given, options, progress, stop)

    built: list[Outcome] = []
    if words.stages:
        failed = _stages(
            {stage.number: stage for stage in words.stages},
            lambda stage: one(f"-{stage.number}", words.of_stage(stage)),
            parallel,
            lambda threads: _leave(jobs, stop, threads),
            built.append,
        )
        if failed is not None:
            return failed
    outcome = one("", words.of_image())
    return outcome._replace(stages=tuple(record for stage in built for record in stage.records))


def _stages(
    stages: Mapping[int, StagePod],
    build_one: Callable[[StagePod], Outcome],
    parallel: int,
    leave: Callable[[Sequence[threading.Thread]], object],
    tell: Callable[[Outcome], object],
) -> Outcome | None:
    """What the first stage that failed gave; None where all are in the cache."""
    from graphlib import TopologicalSorter

    sorter = TopologicalSorter({number: stage.needs for number, stage in stages.items()})
    sorter.prepare()
    ended: queue.Queue[tuple[int, Outcome | BaseException]] = queue.Queue()
    waiting: list[int] = []
    running: dict[int, threading.Thread] = {}

    def one(number: int) -> None:
        try:
            result: Outcome | BaseException = build_one(stages[number])
        except BaseException as error:
            result = error
        ended.put((number, result))

    try:
        while sorter.is_active():
            waiting += sorter.get_ready()
            while waiting and len(running) < parallel:
                number = waiting.pop(0)
                running[number] = threading.Thread(target=one, args=(number,), daemon=True)
                running[number].start()
            number, result = ended.get()
            del running[number]
            if isinstance(result, BaseException):
                raise result
            if result.code:
                return result
            tell(result)
            sorter.done(number)
        return None
    finally:
        if running:
            leave(list(running.values()))


def _leave(jobs: Jobs, stop: threading.Event, threads: Sequence[threading.Thread]) -> None:
    """End the pods that still run: their logs end with them."""
    stop.set()
    jobs.delete_all()
    for thread in threads:
        thread.join(LEAVE)
