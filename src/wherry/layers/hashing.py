"""SHA-256 in a thread of its own, beside who reads and writes: hashing needs no turn of the interpreter."""

from __future__ import annotations

import hashlib
import threading

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from queue import SimpleQueue

LITTLE = 1 << 20
"""Bytes that are hashed at once: what is small is over before a thread has begun."""
DEPTH = 4
"""Pieces that wait to be hashed."""


class Hashing:
    """As hashlib's.  To be closed: the thread ends then."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0
        self._thread: threading.Thread | None = None

    def update(self, data: bytes) -> None:
        """Hash a piece, which is not to be changed any more."""
        self._size += len(data)
        if self._size <= LITTLE:
            self._hash.update(data)
            return
        if self._thread is None:
            self._start()
        self._room.acquire()
        self._pieces.put(data)

    def hexdigest(self) -> str:
        """Of all that came; nothing more may come."""
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        if self._thread is not None:
            self._pieces.put(None)
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        from queue import SimpleQueue

        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._room = threading.Semaphore(DEPTH)
        self._thread = threading.Thread(target=self._work, daemon=True, name="hash")
        self._thread.start()

    def _work(self) -> None:
        while (data := self._pieces.get()) is not None:
            self._hash.update(data)
            self._room.release()
