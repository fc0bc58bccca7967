"""gzip on all cores: blocks that are compressed at the same time and read as one stream.

Each block is a piece of raw deflate (RFC 1951) that knows the 32 KiB before it and ends at a byte, as pigz
writes them.  The size of a block does not depend on the number of cores, so neither do the bytes.
"""

from __future__ import annotations

import os
import struct

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import ModuleType
    from typing import IO

BLOCK = 1 << 20
WINDOW = 1 << 15
RAW, DEFLATED, SYNC_FLUSH, FINISH = -15, 8, 2, 4  # zlib.h
# isal's level 2 writes 245 MB/s on a core where zlib's first level writes 57, and as few bytes.
FAST = 2
# No name and no time (RFC 1952): the same layer always gives the same blob.  255: an unknown system.
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


class GzipWriter:
    """Compresses what is written to it.  `level` is gzip's own (0 to 9), None the fastest there is here.

    The numbers mean sizes, so they are zlib's.  close() ends the stream and leaves `sink` open.
    """

    def __init__(self, sink: IO[bytes], level: int | None = None) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._sink = sink
        self._level = level
        self._library = _isal() if level is None else _zlib()
        cores = len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="gzip")
        self._most = 2 * cores
        self._running: list[Future[bytes]] = []
        self._held = bytearray()
        self._before = b""
        self._sum = self._size = 0
        sink.write(HEADER)

    def write(self, data: bytes, /) -> int:
        self._sum = self._library.crc32(data, self._sum)
        self._size += len(data)
        self._held += data
        while len(self._held) > BLOCK:
            self._submit(bytes(self._held[:BLOCK]), SYNC_FLUSH)
            del self._held[:BLOCK]
        return len(data)

    def _submit(self, block: bytes, how: int) -> None:
        self._running.append(self._pool.submit(self._deflate, block, self._before, how))
        self._before = block[-WINDOW:]
        if len(self._running) > self._most:
            self._sink.write(self._running.pop(0).result())

    def _deflate(self, block: bytes, before: bytes, how: int) -> bytes:
        level = FAST if self._level is None else self._level
        more = {"zdict": before} if before else {}
        deflate = self._library.compressobj(level, DEFLATED, RAW, **more)
        compressed: bytes = deflate.compress(block) + deflate.flush(how)
        return compressed

    def close(self) -> None:
        try:
            self._submit(bytes(self._held), FINISH)
            for block in self._running:
                self._sink.write(block.result())
            self._sink.write(struct.pack("<II", self._sum, self._size & 0xFFFFFFFF))
        finally:
            self.abort()

    def abort(self) -> None:
        """Let go of the threads; what was written so far is of no use."""
        self._pool.shutdown(cancel_futures=True)


def _isal() -> ModuleType:
    from isal import isal_zlib

    module: ModuleType = isal_zlib
    return module


def _zlib() -> ModuleType:
    import zlib

    return zlib
