"""Bytes from one thread to another, with few of them under way."""

from __future__ import annotations

import threading

DEPTH = 8
"""Pieces that wait to be read."""


class Channel:
    """One thread writes and ends, another one reads and leaves; each may be the first to stop."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._rest = b""
        self._ended = self._left = False

    def write(self, data: bytes) -> None:
        """Wait for room.  What nobody reads any more is dropped."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < DEPTH or self._left)
            if not self._left:
                self._waiting.append(data)
                self._changed.notify()

    def end(self) -> None:
        """Nothing more is written."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        if not self._rest:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                self._rest = self._waiting.pop(0) if self._waiting else b""
                self._changed.notify()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def leave(self) -> None:
        """Nothing more is read."""
        with self._changed:
            self._left = True
            self._waiting.clear()
            self._changed.notify()
