"""A blob over several connections: whatever order its ranges come in, it is read in one."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from support.waiting import wait_until
from wherry.errors import RegistryError
from wherry.oci.manifest import Descriptor
from wherry.registry import ranges
from wherry.registry.fetch import Body
from wherry.registry.ranges import connections_for, in_ranges

DATA = os.urandom(99_991)
BLOB = Descriptor("x", "sha256:" + "0" * 64, len(DATA))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE", 4096)
    monkeypatch.setattr(ranges, "LARGE", 4 * 4096)


class Answer:
    """What a source gives: some bytes, in pieces, and perhaps an error where they end."""

    def __init__(
        self, data: bytes, is_part: bool, pause: float = 0, error: Exception | None = None
    ) -> None:
        self._data = data
        self.is_part = is_part
        self._pause = pause
        self._error = error
        self.ended = ""

    def piece(self, size: int) -> bytes:
        time.sleep(self._pause)
        if not self._data and self._error is not None:
            raise self._error
        size = min(size, 1000)
        data, self._data = self._data[:size], self._data[size:]
        return data

    def close(self) -> None:
        self.ended = "closed"

    def drop(self) -> None:
        self.ended = "dropped"


class Source:
    name = "the source"

    def __init__(self, answer: Callable[[int, int], Answer]) -> None:
        self._answer = answer
        self.asked: list[tuple[int, int]] = []
        self.answers: list[Answer] = []
        self.busy = self.most = 0

    def blob(self, digest: str, start: int = 0, end: int | None = None) -> tuple[Body, int]:
        assert end is not None
        self.asked.append((start, end))
        answer = self._answer(start, end)
        self.answers.append(answer)
        return answer, start if answer.is_part else 0

    def failure(self, error: Exception) -> Exception:
        return error


def honest(start: int, end: int) -> Answer:
    return Answer(DATA[start:end], True, random.uniform(0, 0.002))


def pieces(source: Source, start: int = 0, connections: int = 4, size: int = 777) -> Iterator[bytes]:
    """What is read until no bytes come."""
    (over,) = in_ranges([source], BLOB, connections)
    body, first = over.blob(BLOB.digest, start)
    assert first in (start, 0)
    try:
        while data := body.piece(size):
            assert len(data) <= size
            yield data
    finally:
        body.close()


@pytest.mark.parametrize("start", [0, 1, 4096, 50_000, len(DATA) - 4097, len(DATA) - 1])
@pytest.mark.parametrize("connections", [2, 3, 30])
def test_the_bytes_come_in_their_order(start: int, connections: int) -> None:
    source = Source(honest)
    assert b"".join(pieces(source, start, connections)) == DATA[start:]
    assert sorted(source.asked) == [
        (first, min(first + 4096, len(DATA))) for first in range(start, len(DATA), 4096)
    ]


def test_no_more_than_a_range_for_each_connection_waits() -> None:
    source = Source(lambda start, end: Answer(DATA[start:end], True))
    read = pieces(source, 0, 3)
    next(read)
    time.sleep(0.2)
    assert len(source.asked) == 3
    read.close()  # type: ignore[attr-defined]
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "range of a blob"])
    assert len(source.asked) == 3


def test_several_are_under_way_at_once() -> None:
    meet = threading.Barrier(4, timeout=10)

    def answer(start: int, end: int) -> Answer:
        if 0 < start <= 3 * 4096:
            # All but the first, which is asked for before there is a second connection.
            meet.wait()
        return honest(start, end)

    source = Source(answer)
    read = pieces(source, 0, 5)
    next(read)
    meet.wait()
    assert sum(map(len, read)) > 0


def test_where_ranges_are_not_known_one_answer_serves() -> None:
    source = Source(lambda start, end: Answer(DATA, False))
    assert b"".join(pieces(source)) == DATA
    assert len(source.asked) == 1


def test_fewer_bytes_than_asked_for_are_followed_by_the_rest() -> None:
    source = Source(lambda start, end: Answer(DATA[start : min(end, start + 999)], True))
    assert b"".join(pieces(source)) == DATA


def test_more_bytes_than_asked_for_are_left() -> None:
    source = Source(lambda start, end: Answer(DATA[start:], True))
    assert b"".join(pieces(source)) == DATA


def test_what_ends_too_early_ends_there_and_nothing_after_it_is_taken_for_it() -> None:
    def answer(start: int, end: int) -> Answer:
        return Answer(b"", True) if start >= 3 * 4096 else honest(start, end)

    assert b"".join(pieces(Source(answer))) == DATA[: 3 * 4096]


def test_an_error_comes_after_the_bytes_before_it() -> None:
    def answer(start: int, end: int) -> Answer:
        if start == 2 * 4096:
            return Answer(DATA[start : start + 10], True, error=OSError("cut"))
        return honest(start, end)

    read = pieces(Source(answer))
    came = b""
    with pytest.raises(OSError, match="cut"):
        for data in read:
            came += data
    assert came == DATA[: 2 * 4096 + 10]


def test_another_range_than_the_one_asked_for_is_refused() -> None:
    def answer(start: int, end: int) -> Answer:
        return Answer(DATA, False) if start > 9000 else honest(start, end)

    with pytest.raises(RegistryError, match=r"the source: bytes from \d+ of a blob"):
        list(pieces(Source(answer)))


def test_connections_are_given_to_large_blobs_and_shared_among_them() -> None:
    small, large = Descriptor("x", "sha256:1", 10), Descriptor("x", "sha256:2", 1 << 30)
    assert connections_for([]) == connections_for([small, small]) == 1
    assert connections_for([large, small]) == ranges.CONNECTIONS
    assert connections_for([large, large]) == ranges.CONNECTIONS // 2
    assert connections_for([large] * 60) == 1
    source = Source(honest)
    assert in_ranges([source], small, 4) == [source] == in_ranges([source], large, 1)
