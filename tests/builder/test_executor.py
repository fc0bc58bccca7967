"""The threads of a build, and an interrupt while they are waited for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from support.waiting import PATIENCE, wait_until
from wherry.builder.execute.executor import Executor, Stopped

INTERRUPTED = """
import os, signal, threading, time
from wherry.builder.execute.executor import Executor

ended = []

def build(number):
    time.sleep(1.2 if number == 1 else 0.4)
    ended.append(number)

executor = Executor({}, build, lambda: None, 2)
executor.start([1, 2])
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    executor.join()
except KeyboardInterrupt:
    print(sorted(ended))
"""


def test_an_interrupt_waits_for_what_threads_still_write() -> None:
    """What they work on is removed afterwards: a layer that was emptied below their hands would be kept."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[1, 2]\n", done.stderr


def test_a_stage_that_waits_is_woken_only_for_what_it_waits_for() -> None:
    """For a place, or for another stage; all of them at each change would be N times N."""
    stages = range(100)
    looks = {"a place": 0, "a result": 0}
    everybody = threading.Barrier(len(stages))

    class Done(dict[int, Any]):
        def __contains__(self, number: object) -> bool:
            looks["a result"] += 1
            return super().__contains__(number)

    class Counted(Executor):
        def _take(self) -> bool:
            looks["a place"] += 1
            return super()._take()

    def build(number: int) -> Any:
        everybody.wait(PATIENCE)
        with executor.slot():
            time.sleep(0.001)  # the others come meanwhile
        if number:
            executor.result(number - 1)

    executor = Counted(Done(), build, lambda: None, 2)
    executor.start(stages)
    executor.join()
    assert looks["a place"] <= 4 * len(stages) and looks["a result"] <= 4 * len(stages)


def test_a_stage_that_fails_wakes_all_that_wait() -> None:
    told: list[str] = []

    def build(number: int) -> Any:
        try:
            if number == 0:
                with executor.slot():
                    wait_until(lambda: len(executor._results) == 2)
                    raise ValueError("stage 0")
            if number == 1:
                executor.result(2)
            elif number == 2:
                executor.result(1)
            else:
                executor.pause(PATIENCE)
        except Stopped:
            told.append(str(number))

    executor = Executor({}, build, lambda: told.append("processes"), 1)
    executor.start(range(4))
    with pytest.raises(ValueError, match="stage 0"):
        executor.join()
    assert sorted(told) == ["1", "2", "3", "processes"]
