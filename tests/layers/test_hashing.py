"""Hashing in a thread gives what hashing gives, and leaves no thread."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from wherry.layers.hashing import LITTLE, Hashing


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "hash"]


@pytest.mark.parametrize("sizes", [[], [0], [7, 0, 9], [LITTLE], [LITTLE, 1], [1, LITTLE], [1 << 18] * 40])
def test_the_digest_is_that_of_all_pieces_in_their_order(sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]
    hashing = Hashing()
    for piece in pieces:
        hashing.update(piece)
    assert hashing.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert threads() == []


def test_who_gives_up_leaves_no_thread() -> None:
    hashing = Hashing()
    for _ in range(10):
        hashing.update(bytes(LITTLE))
    assert threads() == ["hash"]
    hashing.close()
    hashing.close()
    assert threads() == []
