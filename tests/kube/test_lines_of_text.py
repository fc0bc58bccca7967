"""Text that a server sends line by line (a pod's log)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wherry.kube.client import LARGEST_LINE, _text_lines


class Answer:
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def read1(self, size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


@given(st.lists(st.binary(max_size=5).map(lambda b: b.replace(b"\x01", b"\n")), max_size=20))
def test_lines_are_those_of_the_whole_however_it_comes(pieces: list[bytes]) -> None:
    assert list(_text_lines(Answer(pieces))) == b"".join(pieces).split(b"\n")[:-1]


def test_half_a_line_at_the_end_is_left_out() -> None:
    assert list(_text_lines(Answer([b"one\ntw"]))) == [b"one"]


def test_a_line_without_an_end_is_cut() -> None:
    pieces = [bytes(LARGEST_LINE // 2)] * 5 + [b"\n"]
    found = list(_text_lines(Answer(pieces)))
    assert len(found) == 2 and sum(map(len, found)) == LARGEST_LINE // 2 * 5
