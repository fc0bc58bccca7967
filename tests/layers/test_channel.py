"""Bytes from one thread to another: all of them in order, and nobody waits for one who is gone."""

from __future__ import annotations

import threading

import pytest

from wherry.layers.channel import DEPTH, Channel


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_all_bytes_arrive_in_their_order(size: int) -> None:
    channel = Channel()
    pieces = [bytes([number % 256]) * number for number in range(1, 5 * DEPTH)]

    def write() -> None:
        for piece in pieces:
            channel.write(piece)
        channel.end()

    writer = threading.Thread(target=write)
    writer.start()
    found = list(iter(lambda: channel.read(size), b""))
    writer.join()
    assert b"".join(found) == b"".join(pieces)
    assert channel.read(size) == b""


def test_a_writer_does_not_wait_for_a_reader_who_left() -> None:
    channel = Channel()
    writer = threading.Thread(target=lambda: [channel.write(b"x") for _ in range(3 * DEPTH)])
    writer.start()
    assert channel.read(1) == b"x"
    channel.leave()
    writer.join(60)
    assert not writer.is_alive()
