"""The standard output that nginx writes its access log to: ours if it can open that, else a pipe of ours.

nginx opens ``/dev/stdout`` by its name.  That fails for a socket (systemd's), for a file or terminal of
another user (after su or sudo) and where there is none, and waits for ever at a pipe that nobody reads.
"""

from __future__ import annotations

import os
import subprocess
import sys

from wherry.proxy.reload.relay import Relay


class Stdout:
    """`fd` is for subprocess; call started() when the process has it, finished() when it has ended."""

    def __init__(self) -> None:
        self.fd: int | None = None
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


def _can_be_opened() -> bool:
    try:
        os.close(os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return False
    return True
