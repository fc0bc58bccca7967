"""A large blob over several connections: ranges of it, asked for side by side and given in their order.

A server, or the way to it, often bounds the speed of each connection and not of all of them together.
"""

from __future__ import annotations

import queue
import threading

from wherry.errors import RegistryError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.oci.manifest import Descriptor
    from wherry.registry.fetch import Body, Source

RANGE = 1 << 22
"""Bytes of a range; as many wait in memory for each connection."""
CHUNK = 1 << 18
LARGE = 4 * RANGE
"""Bytes of a blob from which on it is worth more than one connection."""
CONNECTIONS = 6
"""For all blobs that come at the same time."""


def connections_for(blobs: Sequence[Descriptor]) -> int:
    """How many connections each large one of these blobs may have, when they come at the same time."""
    large = sum(blob.size >= LARGE for blob in blobs)
    return max(1, CONNECTIONS // large) if large else 1


def in_ranges(sources: Sequence[Source], blob: Descriptor, connections: int) -> Sequence[Source]:
    """The same sources, which give this blob over several connections if it is large.

    One that knows no ranges gives it over one.
    """
    if connections < 2 or blob.size < LARGE:
        return sources
    return [_InRanges(source, blob.size, connections) for source in sources]


class _InRanges:
    """A source of one blob."""

    def __init__(self, source: Source, size: int, connections: int) -> None:
        self.name = source.name
        self.failure = source.failure
        self._source = source
        self._size = size
        self._connections = connections

    def blob(self, digest: str, start: int = 0, end: int | None = None) -> tuple[Body, int]:
        """All bytes from `start` on."""

        def ask(first: int, end: int) -> tuple[Body, int]:
            return self._source.blob(digest, first, end)

        end = min(start + RANGE, self._size)
        body, first = ask(start, end)
        if first != start or not body.is_part or end == self._size:
            return body, first
        return Ranges(ask, body, start, self._size, self._connections, self.name), start


class _Range:
    """Some of the bytes: pieces as they arrive, then None; b"" or an error where they end too early."""

    def __init__(self, first: int, end: int) -> None:
        self.first, self.end = first, end
        self.arrived: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()


class Ranges:
    """The bytes from `start` to `end`, over `connections`.  A body (see fetch.Body).

    `ask(first, end)` gives some of them, and `body` is what it gave for the first range; `name` is who
    gives them.  Each connection is a thread.  Together they are no more than a range each ahead of who
    reads, and they end when it is closed.
    """

    is_part = True

    def __init__(
        self,
        ask: Callable[[int, int], tuple[Body, int]],
        body: Body,
        start: int,
        end: int,
        connections: int,
        name: str,
    ) -> None:
        self._ask = ask
        self._name = name
        ranges = [_Range(first, min(first + RANGE, end)) for first in range(start, end, RANGE)]
        self._to_come = len(ranges)
        self._waiting = iter(ranges)
        self._begun: queue.SimpleQueue[_Range] = queue.SimpleQueue()
        self._turn = threading.Lock()
        self._room = threading.Semaphore(connections)
        self._closed = False
        self._left = b""
        self._current: _Range | None = None
        self._start(self._next(), body)
        for _ in range(connections - 1):
            self._start(None, None)

    def _start(self, part: _Range | None, body: Body | None) -> None:
        threading.Thread(target=self._work, args=(part, body), daemon=True, name="range of a blob").start()

    def piece(self, size: int) -> bytes:
        """At most `size` bytes, in their order; none at the end, or where a connection ended too early.

        Raises what a connection raised, after the bytes before.
        """
        while not self._left:
            if self._current is None:
                if not self._to_come:
                    return b""
                self._current = self._begun.get()
                self._to_come -= 1
            arrived = self._current.arrived.get()
            if isinstance(arrived, BaseException):
                raise arrived
            if arrived is None:
                self._current = None
                self._room.release()
            elif not arrived:
                return b""
            else:
                self._left = arrived
        data, self._left = self._left[:size], self._left[size:]
        return data

    def _work(self, part: _Range | None, body: Body | None) -> None:
        """One connection: range after range, of which the first may have been asked for."""
        while (part := part or self._next()) is not None:
            try:
                part.arrived.put(None if self._receive(part, body) else b"")
            except BaseException as error:
                part.arrived.put(error)
                return
            part = body = None

    def _next(self) -> _Range | None:
        """Wait until one more range may wait for who reads; None where there is no more."""
        self._room.acquire()
        with self._turn:
            part = None if self._closed else next(self._waiting, None)
            if part is not None:
                self._begun.put(part)
        if part is None:
            self._room.release()
        return part

    def _receive(self, part: _Range, body: Body | None) -> bool:
        """Whether all of a range came; in several answers where fewer bytes are given than asked for."""
        place = part.first
        while place < part.end and not self._closed:
            body = body or self._asked(place, part.end)
            before = place
            while place < part.end and (data := body.piece(min(CHUNK, part.end - place))):
                part.arrived.put(data)
                place += len(data)
                if self._closed:
                    break
            if place == part.end:
                body.drop()
            else:
                body.close()
            body = None
            if place == before:
                break
        return place == part.end

    def _asked(self, first: int, end: int) -> Body:
        body, given = self._ask(first, end)
        if given != first or not body.is_part:
            body.close()
            raise RegistryError(
                f"{self._name}: bytes from {first} of a blob were asked for, others came, as never before",
                hint="run it again: what arrived is kept",
            )
        return body

    def close(self) -> None:
        """Nothing more is wanted.  Connections in use end with the next bytes that arrive on them."""
        self._closed = True
        self._room.release()

    def drop(self) -> None:
        """Instead of close(), where all of it was read: the connections serve what comes next."""
        self.close()
