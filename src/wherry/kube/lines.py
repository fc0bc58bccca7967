"""PURE: a stream of bytes, cut anywhere, to the lines in it."""

from __future__ import annotations

LARGEST = 32 << 20
"""Bytes of a line; etcd holds no object of a tenth of it."""


class TooLong(Exception):
    """A line that does not end."""


class Lines:
    """Feed it what arrives; it gives the lines that are complete, without their ends."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Raises TooLong; then this object is of no more use."""
        head, newline, rest = data.partition(b"\n")
        if not newline:
            self._keep(data)
            return []
        found = [b"".join((*self._parts, head))]
        *more, last = rest.split(b"\n")
        self._parts, self._size = [], 0
        self._keep(last)
        return [line for line in (*found, *more) if line.strip()]

    @property
    def partial(self) -> bool:
        """Whether a line has begun that has not ended."""
        return self._size > 0

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._largest:
            raise TooLong
        if data:
            self._parts.append(data)
