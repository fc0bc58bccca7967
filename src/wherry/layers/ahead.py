"""A stream that is read ahead, and hashed, by a thread of its own while what was read is used.

Decompressing and hashing need no turn of the interpreter, so that both go on beside who makes the files.
"""

from __future__ import annotations

import hashlib
import threading

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.tarread import Reader

CHUNK = 1 << 20
DEPTH = 4
"""Chunks that wait to be used."""


class Ahead:
    """`hash` and `size` are those of what was read to the end.  To be closed: the thread ends then."""

    def __init__(self, stream: Reader) -> None:
        self._stream = stream
        self.hash = hashlib.sha256()
        self.size = 0
        self._chunk = b""
        self._place = 0
        self._waiting: list[bytes] = []
        self._error: BaseException | None = None
        self._ended = self._closed = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end.  Raises what the stream raised, after what came before."""
        place = self._place
        data = self._chunk[place : place + size]
        if not data and size:
            self._chunk, place = self._next(), 0
            data = self._chunk[:size]
        self._place = place + len(data)
        return data

    def _next(self) -> bytes:
        if self._thread is None:
            # What is small is over with the first chunk, and needs no thread.
            chunk = self._taken()
            if len(chunk) < CHUNK:
                return chunk
            self._thread = threading.Thread(target=self._work, name="read ahead", daemon=True)
            self._thread.start()
            return chunk
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                chunk = self._waiting.pop(0)
                self._changed.notify()
                return chunk
            if self._error is not None:
                raise self._error
            return b""

    def _taken(self) -> bytes:
        """A full chunk, but for the last one."""
        pieces, left = [], CHUNK
        while left and (piece := self._stream.read(left)):
            pieces.append(piece)
            left -= len(piece)
        chunk = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.hash.update(chunk)
        self.size += len(chunk)
        return chunk

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            while self._room() and (chunk := self._taken()):
                with self._changed:
                    self._waiting.append(chunk)
                    self._changed.notify()
        except BaseException as raised:
            error = raised
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify()

    def _room(self) -> bool:
        """Wait until one more chunk may wait; False when nobody wants any more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < DEPTH or self._closed)
            return not self._closed

    def close(self) -> None:
        """Nothing more is wanted; the stream is not read any more when this returns."""
        if self._thread is not None:
            with self._changed:
                self._closed = True
                self._changed.notify()
            self._thread.join()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
