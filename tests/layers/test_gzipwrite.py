"""gzip on all cores."""

from __future__ import annotations

import gzip
import io
import os
import random
import zlib

import pytest

from wherry.layers.compress import compressed
from wherry.layers.gzipwrite import BLOCK


def sample(size: int) -> bytes:
    """Text that repeats itself over the borders of blocks."""
    choose = random.Random(7)
    words = [bytes(choose.choices(range(97, 123), k=choose.randrange(2, 12))) for _ in range(4000)]
    return b" ".join(choose.choice(words) for _ in range(size // 7))[:size]


def compress(data: bytes, kind: str, level: int | None, piece: int) -> bytes:
    out = io.BytesIO()
    writer = compressed(out, kind, level)
    for start in range(0, len(data), piece):
        writer.write(data[start : start + piece])
    writer.close()
    return out.getvalue()


@pytest.mark.parametrize("level", [None, 0, 6])
@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 12345])
def test_it_is_one_gzip_stream_of_the_same_bytes(size: int, level: int | None) -> None:
    data = sample(size)
    stream = compress(data, "gzip", level, 70_000)
    reader = zlib.decompressobj(31)
    assert reader.decompress(stream) == data
    assert reader.eof and reader.unused_data == b""
    assert gzip.decompress(stream) == data


@pytest.mark.parametrize(("kind", "level"), [("gzip", None), ("gzip", 4), ("zstd", None), ("zstd", 5)])
def test_neither_cores_nor_the_sizes_of_pieces_show_in_the_bytes(kind: str, level: int | None) -> None:
    data = sample(2 * BLOCK + 999)
    cores = os.sched_getaffinity(0)
    try:
        reference = compress(data, kind, level, len(data))
        os.sched_setaffinity(0, {min(cores)})
        assert compress(data, kind, level, 123_457) == reference
    finally:
        os.sched_setaffinity(0, cores)


def test_a_level_means_what_gzip_means_by_it() -> None:
    data = sample(2 * BLOCK)
    sizes = [len(compress(data, "gzip", level, BLOCK)) for level in (0, 1, 6, 9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > len(data)
    whole = zlib.compressobj(6, zlib.DEFLATED, 31)
    alone = len(whole.compress(data) + whole.flush())
    assert sizes[2] < alone * 1.01  # what blocks cost
