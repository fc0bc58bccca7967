"""A container's first process that outlives the program in it.

A pod is Ready while all its containers run: a generator that is killed (out of memory) and takes its
container with it would take an nginx that serves out of its Service.  So the work is a child, which is
begun again.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
SETTLED = 60.0
"""Seconds after which a child that ends did not fail for what it was told to do."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


def in_child(say: Callable[[str], object]) -> None:
    """Return in a child that does the work; the parent never returns.  Call it before any thread exists.

    The parent begins another child where one was killed, or ended after SETTLED seconds; one that ends of
    itself before has said what is wrong, and its exit code is the container's.  It passes ENDS on, and
    reaps.
    """
    pause = FIRST_PAUSE
    while True:
        begun = time.monotonic()
        child = os.fork()
        if child == 0:
            for number in ENDS:
                signal.signal(number, signal.SIG_DFL)
            return
        received = _pass_on(child)
        code = _wait(child)
        lived = time.monotonic() - begun
        if received or (code >= 0 and lived < SETTLED):
            sys.stdout.flush()
            os._exit(code if code >= 0 else 128 - code)
        pause = FIRST_PAUSE if lived > SETTLED else min(pause * 2, LONGEST_PAUSE)
        why = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        say(f"the generator {why}; begun again in {pause:.0f} s")
        for number in ENDS:
            signal.signal(number, lambda *_: os._exit(0))  # there is no child to end
        time.sleep(pause)


def _pass_on(child: int) -> list[int]:
    """Signals go to the child from now on; the list holds those that ask for the end."""
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        os.kill(child, number)

    for number in ENDS:
        signal.signal(number, handle)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    return received


def _wait(child: int) -> int:
    """Its exit code, negative for the signal that killed it; orphans that were handed to us are reaped."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)
