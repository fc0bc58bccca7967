"""The standard output that nginx writes its access log to: ours if it can open that, else a pipe of ours.

nginx opens ``/dev/stdout`` by its name.  That fails for a socket (systemd's), for a file or terminal of
another user (after su or sudo) and where there is none, and waits for ever at a pipe that nobody reads.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading

CHUNK = 1 << 16
LAST_WORDS = 1.0
"""Seconds that the lines of an nginx that has ended may take."""


class Stdout:
    """`fd` is for subprocess; call started() when the process has it, finished() when it has ended."""

    def __init__(self) -> None:
        self.fd: int | None = None
        self._thread: threading.Thread | None = None
        if sys.stdout is None:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  for whoever flushes it
        if getattr(sys.stdout, "name", "") == os.devnull:
            self.fd = subprocess.DEVNULL
        elif not _can_be_opened():
            source, self.fd = os.pipe2(os.O_CLOEXEC)
            self._thread = threading.Thread(target=_relay, args=(source,), name="log", daemon=True)

    def started(self) -> None:
        if self._thread is not None and self.fd is not None:
            os.close(self.fd)
            self._thread.start()

    def finished(self) -> None:
        if self._thread is not None:
            self._thread.join(LAST_WORDS)


def _can_be_opened() -> bool:
    try:
        os.close(os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _relay(source: int) -> None:
    """To its end.  What cannot be written (a full disk, nobody who reads) is lost; nginx goes on."""
    with open(source, "rb", buffering=0) as file:
        while data := file.read(CHUNK):
            with contextlib.suppress(OSError):
                while data:
                    data = data[os.write(1, data) :]
