"""A pipe between nginx and a descriptor of ours."""

from __future__ import annotations

import contextlib
import os
import threading

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 16
LAST_WORDS = 1.0
"""Seconds that the lines of an nginx that has ended may take."""


class Relay:
    """`fd` is for subprocess; call started() when the process has it, finished() when it has ended.

    What `change` makes of what comes goes to the descriptor `to`, until nobody holds `fd` any more.  What
    cannot be written (a full disk, nobody who reads) is lost; nginx goes on.
    """

    def __init__(self, to: int, name: str, change: Callable[[bytes], bytes] = bytes) -> None:
        source, self.fd = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=_relay, args=(source, to, change), name=name, daemon=True)

    def started(self) -> None:
        os.close(self.fd)
        self._thread.start()

    def finished(self) -> None:
        self._thread.join(LAST_WORDS)


def _relay(source: int, to: int, change: Callable[[bytes], bytes]) -> None:
    with open(source, "rb", buffering=0) as file:
        while data := file.read(CHUNK):
            data = change(data)
            with contextlib.suppress(OSError):
                while data:
                    data = data[os.write(to, data) :]
