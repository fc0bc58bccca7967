"""A stream that is read ahead by a thread."""

from __future__ import annotations

import hashlib
import io
import threading

import pytest

from wherry.layers.ahead import CHUNK, DEPTH, Ahead

PARTS = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 7 * CHUNK + 3]


@pytest.mark.parametrize("size", PARTS)
@pytest.mark.parametrize("piece", [512, 100_000, 3 * CHUNK])
def test_the_bytes_are_those_of_the_stream(size: int, piece: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    got = []
    with Ahead(io.BytesIO(data)) as ahead:
        while part := ahead.read(piece):
            assert len(part) <= piece
            got.append(part)
        assert ahead.read(piece) == b""
    assert b"".join(got) == data
    assert (ahead.size, ahead.hash.hexdigest()) == (size, hashlib.sha256(data).hexdigest())


class Broken:
    """Gives `good` bytes, then fails."""

    def __init__(self, good: int) -> None:
        self.left = good

    def read(self, size: int, /) -> bytes:
        if not self.left:
            raise ValueError("broken")
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


@pytest.mark.parametrize("good", [0, 5, CHUNK, 3 * CHUNK])
def test_an_error_comes_after_the_whole_chunks_before_it(good: int) -> None:
    seen = 0
    with Ahead(Broken(good)) as ahead, pytest.raises(ValueError, match="broken"):
        while part := ahead.read(CHUNK):
            seen += len(part)
    assert seen == good // CHUNK * CHUNK


class Endless:
    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int, /) -> bytes:
        self.given += size
        return bytes(size)


def test_no_more_is_read_than_may_wait_and_nothing_after_the_end() -> None:
    stream = Endless()
    before = threading.active_count()
    with Ahead(stream) as ahead:
        assert ahead.read(10) == bytes(10)
        ahead.read(CHUNK)
    given = stream.given
    assert given <= (DEPTH + 3) * CHUNK
    assert threading.active_count() == before and stream.given == given
