"""What a registry answered."""

from __future__ import annotations

from wherry.errors import RegistryError
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

LITTLE = 1 << 16
"""Bytes that are read to keep a connection."""
DOCUMENT = 1 << 22
"""Bytes of a JSON document that is read: registries take manifests of 4 MiB."""


class Answer(NamedTuple):
    """`url` is where it came from at last."""

    status: int
    headers: Mapping[str, str]
    url: str
    response: BaseHTTPResponse

    @property
    def is_part(self) -> bool:
        """Whether it has the range that was asked for."""
        return self.status == 206

    def piece(self, size: int) -> bytes:
        """What has arrived, at most `size` bytes, none at the end.

        Not what fills a buffer: it is to be on disk when we are killed.  Raises urllib3's HTTPError where
        the connection ends too early.
        """
        return self.response.read1(size, decode_content=False) or b""

    def document(self, most: int = DOCUMENT) -> bytes:
        """All of it, where that is no more than `most` bytes.  Raises RegistryError."""
        data = b"".join(self._pieces(most))
        self.response.release_conn()
        return data

    def _pieces(self, most: int) -> Iterator[bytes]:
        size = 0
        for piece in self.response.stream(1 << 16, decode_content=True):
            size += len(piece)
            if size > most:
                self.close()
                raise RegistryError(f"{shown(self.url)} answered with more than {most} bytes")
            yield piece

    def drop(self) -> None:
        """Let the connection serve the next request, if little is left of this body."""
        left = self.response.length_remaining
        if left is None or left > LITTLE:
            self.close()
            return
        self.response.drain_conn()
        self.response.release_conn()

    def close(self) -> None:
        """Give the connection up: bytes that nobody wants are on it."""
        self.response.close()
        self.response.release_conn()
