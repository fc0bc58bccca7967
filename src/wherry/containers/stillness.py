"""Letting the processes of a container stand still for a while.

Containers have no cgroup of their own that could be frozen: each process gets SIGSTOP, and SIGCONT later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from wherry.sandbox.supervise import children
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.store import ContainerRecord

PATIENCE = 2.0
"""Seconds that processes may take to stop: one in the middle of a system call ends that first."""
AT_REST = "TtZX"
"""States of processes that write nothing (proc_pid_stat(5)): stopped, traced, ended."""
# It reads until whoever started it has let go or is gone, however that came about: nothing stays stopped.
GUARD = """
import os, signal, sys
for line in sys.stdin.buffer.read().split():
    try:
        os.kill(int(line), signal.SIGCONT)
    except OSError:
        pass
"""


@contextlib.contextmanager
def standing_still(record: ContainerRecord) -> Iterator[None]:
    """Stop every process of a container that runs, for as long as the block takes; those that somebody else
    stopped stay so.  They go on when this process ends, too, by whatever ends it.

    Where one cannot be stopped (a plain user may not signal the other users of a container) all go on.
    """
    with contextlib.ExitStack() as stack:
        try:
            _stop(record.pid, stack.enter_context(_guard()))
        except (OSError, TimeoutError):
            stack.close()
        yield


@contextlib.contextmanager
def _guard() -> Iterator[Callable[[int], None]]:
    """Something to tell of a process before it is stopped; all of them go on at the end."""
    import subprocess

    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", GUARD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        bufsize=0,
        start_new_session=True,
    ) as guard:
        assert guard.stdin is not None  # noqa: S101
        stdin = guard.stdin

        def tell(pid: int) -> None:
            stdin.write(f"{pid}\n".encode())

        yield tell


def _stop(first: int, tell: Callable[[int], None]) -> None:
    """Raises PermissionError for one that is somebody else's, and TimeoutError."""
    if not first:
        raise TimeoutError("its first process is not known")
    signalled: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while moving := [pid for pid in _tree(first) if _state(pid) not in AT_REST]:
        for pid in moving:
            if pid in signalled:
                continue
            tell(pid)
            signalled.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {moving[0]} does not stop")
        time.sleep(0.001)


def _tree(first: int) -> list[int]:
    """A process and all below it: what loses its parent in a container is the first one's."""
    found = [first]
    for pid in found:
        found += children(pid)
    return found


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"
