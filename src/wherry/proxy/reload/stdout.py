"""The standard output that nginx writes its access log to: ours if it can open that, else a pipe of ours.

nginx opens ``/dev/stdout`` by its name.  That fails for a socket (systemd's), for a file or terminal of
another user (after su or sudo) and where there is none, and waits for ever at a pipe that nobody reads.
It opens it again at each reload, when the reader may have gone: meanwhile we are one.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys

from wherry.proxy.reload.relay import Relay


class Stdout:
    """`fd` is for subprocess; call started() when the process has it, finished() when it has ended.

    Between hold() and release() a process that opens it does not wait.  Nothing is read.
    """

    def __init__(self) -> None:
        self.fd: int | None = None
        self._held: int | None = None
        self._relay: Relay | None = None
        if sys.stdout is None:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  for whoever flushes it
        if getattr(sys.stdout, "name", "") == os.devnull:
            self.fd = subprocess.DEVNULL
        elif not _can_be_opened():
            self._relay = Relay(1, "log")
            self.fd = self._relay.fd

    def started(self) -> None:
        if self._relay is not None:
            self._relay.started()

    def finished(self) -> None:
        if self._relay is not None:
            self._relay.finished()

    def hold(self) -> None:
        if self.fd is None and self._held is None and _is_pipe():
            with contextlib.suppress(OSError):
                self._held = os.open("/dev/stdout", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None


def _is_pipe() -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(1).st_mode)
    except OSError:
        return False


def _can_be_opened() -> bool:
    try:
        os.close(os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return False
    return True
