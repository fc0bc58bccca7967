"""Compression by magic, through the fastest library for each kind, imported when it is needed."""

from __future__ import annotations

import io

from wherry.errors import CorruptError
from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lzma import LZMADecompressor
    from typing import IO

    from wherry.layers.tarread import Reader

MAGIC = {
    "gzip": b"\x1f\x8b",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "zstd": b"\x28\xb5\x2f\xfd",
}
ZSTD_LEVEL = 3
PIECE = 1 << 10
"""Compressed bytes that zstd gets at once: each of them may become 32 KiB."""
XZ_MEMORY = 1 << 29
"""Bytes that xz data may ask for; the tool's -9 wants 65 MiB."""


class Writer(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def close(self) -> object: ...
    def abort(self) -> object:
        """Instead of close(), where something went wrong."""


def kind_of(start: bytes) -> str:
    """ "gzip", "bzip2", "xz", "zstd" or "none", from the first six bytes."""
    for kind, magic in MAGIC.items():
        if start.startswith(magic):
            return kind
    return "none"


class _Replayed:
    """A stream with the bytes that were looked at put back."""

    def __init__(self, start: bytes, stream: Reader) -> None:
        self._start = start
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        if not self._start:
            return self._stream.read(size)
        if 0 <= size < len(self._start):
            data, self._start = self._start[:size], self._start[size:]
            return data
        data, self._start = self._start, b""
        return data if size >= 0 else data + self._stream.read(-1)

    def readable(self) -> bool:
        return True


class _Guarded:
    """A decompressor whose own errors become ours."""

    def __init__(self, file: Reader, kind: str) -> None:
        self._file = file
        self._kind = kind

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._file.read(size)
        except _errors(self._kind) as error:
            raise CorruptError(
                f"the {self._kind} data is damaged or incomplete: {error}", hint="fetch or make it again"
            ) from error


def decompressed(stream: Reader) -> Reader:
    """A stream of the plain bytes of `stream`, whatever it is compressed with, read piece by piece."""
    start = b""
    while len(start) < 6:
        more = stream.read(6 - len(start))
        if not more:
            break
        start += more
    kind = kind_of(start)
    source = _Replayed(start, stream)
    if kind == "none":
        return source
    raw = io.BufferedReader(_Raw(source), 1 << 18)
    if kind == "gzip":
        from isal import igzip

        return _Guarded(igzip.open(raw, "rb"), kind)  # type: ignore[no-untyped-call]
    if kind == "bzip2":
        import bz2

        return _Guarded(bz2.BZ2File(raw), kind)
    if kind == "xz":
        return _Guarded(_Xz(raw), kind)
    return _Guarded(_Zstd(raw), kind)


def compressed(sink: IO[bytes], kind: str, level: int | None = None) -> Writer:
    """A writer whose close() ends the compressed stream and leaves `sink` open.

    `kind` is "gzip", "zstd" or "none", `level` the number that the kind's own tool takes.  All cores are
    used; the bytes depend neither on their number nor on the sizes of the pieces that are written.
    """
    if kind == "gzip":
        from wherry.layers.gzipwrite import GzipWriter

        return GzipWriter(sink, level)
    if kind == "zstd":
        return _ZstdWriter(sink, ZSTD_LEVEL if level is None else level)
    return _Plain(sink)


class _Plain:
    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink

    def write(self, data: bytes, /) -> object:
        return self._sink.write(data)

    def close(self) -> None:
        self._sink.flush()

    def abort(self) -> None:
        pass


class _ZstdWriter:
    def __init__(self, sink: IO[bytes], level: int) -> None:
        import os

        import zstandard

        # With threads the bytes are other ones than without, but the same for any number of them.
        threads = len(os.sched_getaffinity(0))
        self._writer = zstandard.ZstdCompressor(level=level, threads=threads).stream_writer(
            sink, closefd=False
        )

    def write(self, data: bytes, /) -> object:
        return self._writer.write(data)

    def close(self) -> None:
        self._writer.close()  # type: ignore[no-untyped-call]

    def abort(self) -> None:
        pass


class _Zstd:
    """Frames one after the other; a frame that was cut off is an error, unlike in its own reader."""

    def __init__(self, raw: IO[bytes]) -> None:
        import zstandard

        # max_window_size bounds the memory that an archive can ask for: 128 MiB, the zstd tool's own limit.
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._raw = raw
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._input = b""
        self._output = b""
        self._given = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, and at least one until the end.  Raises EOFError, ZstdError."""
        while self._given == len(self._output):
            self._input = self._input or self._raw.read(PIECE)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("it ends in the middle of a frame")
                return b""
            frame = self._frame or self._decompressor.decompressobj()
            self._output, self._given = frame.decompress(self._input), 0
            self._input = frame.unused_data if frame.eof else b""
            self._frame = None if frame.eof else frame
        data = self._output[self._given :] if size < 0 else self._output[self._given : self._given + size]
        self._given += len(data)
        return data


class _Xz:
    """Streams one after the other, in bounded memory."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._stream = _xz_stream()
        self._raw = raw

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, and at least one until the end.  Raises EOFError, LZMAError."""
        while True:
            if self._stream.eof:
                # Zeros between streams, in fours, are padding (The .xz File Format, 2.2).
                rest = self._stream.unused_data.lstrip(b"\0")
                while not rest:
                    piece = self._raw.read(PIECE)
                    if not piece:
                        return b""
                    rest = piece.lstrip(b"\0")
                self._stream = _xz_stream()
            else:
                rest = self._raw.read(PIECE) if self._stream.needs_input else b""
                if not rest and self._stream.needs_input:
                    raise EOFError("it ends in the middle of a stream")
            data = self._stream.decompress(rest, size)
            if data:
                return data


def _xz_stream() -> LZMADecompressor:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


class _Raw(io.RawIOBase):
    """`readinto` for the buffered reader that decompressors want."""

    def __init__(self, source: _Replayed) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _errors(kind: str) -> tuple[type[Exception], ...]:
    """What the libraries raise; asked for when something was raised."""
    found: list[type[Exception]] = [EOFError, OSError, ValueError]
    if kind == "gzip":
        import zlib

        from isal.igzip_lib import IsalError

        found += [zlib.error, IsalError]  # type: ignore[list-item]
    elif kind == "xz":
        import lzma

        found.append(lzma.LZMAError)
    elif kind == "zstd":
        import zstandard

        found.append(zstandard.ZstdError)
    return tuple(found)
