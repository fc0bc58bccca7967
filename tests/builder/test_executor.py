"""The threads of a build, and an interrupt while they are waited for."""

from __future__ import annotations

import subprocess
import sys

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
