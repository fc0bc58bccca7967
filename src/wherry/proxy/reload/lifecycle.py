"""The duties of a container's first process: signals, zombies, and an end in which requests finish.

Handlers are set by whoever begins it (cli.proxy.signals)."""

from __future__ import annotations

import contextlib
import os
import signal

from wherry.proxy.reload.process import children
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.proxy.reload.process import Process

ENDS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)
SIGNALS = (*ENDS, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD)
"""What it is to be told of."""


class Lifecycle:
    """SIGTERM and SIGQUIT end gracefully, SIGINT and any second one at once; SIGHUP applies the file again;
    SIGUSR1 is nginx's (logs are opened again); SIGUSR2, which nginx takes for a program in its place, does
    nothing.

    `wakes` is a file descriptor that can be read when something was written to `waker`, which is to happen
    with every signal.  close() closes both.
    """

    def __init__(self, process: Callable[[], Process | None]) -> None:
        self._process = process
        self._ended_by = 0
        self._reload = False
        self._zombies: set[int] = set()
        self.wakes, self.waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self.wakes)
        os.close(self.waker)

    def going(self) -> bool:
        """False once a signal asked for the end."""
        return not self._ended_by

    def lost(self) -> bool:
        """Whether an nginx that ran does not any more."""
        process = self._process()
        return process is not None and not process.alive()

    @property
    def at_once(self) -> bool:
        return self._ended_by == signal.SIGINT

    def reload_asked(self) -> bool:
        """Whether SIGHUP came since the last call."""
        requested, self._reload = self._reload, False
        return requested

    def woken(self) -> None:
        """Empty the pipe, and reap what nobody waits for."""
        signals = False
        with contextlib.suppress(BlockingIOError):
            while os.read(self.wakes, 4096):
                signals = True
        if os.getpid() == 1 and (signals or self._zombies):
            self._reap()

    def signalled(self, number: int) -> None:
        """A signal came."""
        if number == signal.SIGHUP:
            self._reload = True
        elif number in ENDS and not self._ended_by:
            self._ended_by = number
        elif number in ENDS:
            self._pass_on(signal.SIGTERM)
        elif number == signal.SIGUSR1:
            self._pass_on(signal.SIGUSR1)

    def _pass_on(self, number: signal.Signals) -> None:
        process = self._process()
        if process is not None and process.alive():
            process.send(number)

    def _reap(self) -> None:
        """Wait for orphans that ended.

        Our own children (nginx, `nginx -t`) are waited for where they were started, at once; what is still
        a zombie at the next look is an orphan that was handed to us.
        """
        process = self._process()
        own = process.pid if process is not None else 0
        zombies = {pid for pid in children(os.getpid()) if pid != own and _is_zombie(pid)}
        for pid in zombies & self._zombies:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._zombies = zombies


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
