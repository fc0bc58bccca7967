"""Secrets in what steps print."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wherry.builder.execute.redact import MASK, Redactor


def shown(secrets: list[bytes], *chunks: bytes) -> bytes:
    redactor = Redactor(secrets)
    return b"".join(map(redactor.feed, chunks)) + redactor.flush()


def test_a_secret_is_masked_with_and_without_its_newline() -> None:
    assert shown([b"hunter22\n"], b"+ login hunter22 now\n") == b"+ login *** now\n"


def test_a_secret_that_is_cut_by_the_stream_is_masked() -> None:
    assert shown([b"hunter22"], b"x hun", b"ter", b"22 y") == b"x *** y"


def test_what_only_begins_like_a_secret_is_shown() -> None:
    redactor = Redactor([b"hunter22"])
    assert redactor.feed(b"the hunt") == b"the "
    assert redactor.feed(b"ing lodge hun") == b"hunting lodge "
    assert redactor.flush() == b"hun"


def test_nothing_is_held_back_where_no_secret_begins() -> None:
    assert Redactor([b"hunter22"]).feed(b"Password: ") == b"Password: "


def test_lines_of_a_key_are_masked_each_for_itself() -> None:
    key = b"-----BEGIN KEY-----\nQUJDREVGR0hJSktM\n-----END KEY-----\n"
    assert shown([key], b"got QUJDREVGR0hJSktM!\n") == b"got ***!\n"


def test_what_is_in_ordinary_words_is_no_secret() -> None:
    assert shown([b"a", b""], b"banana") == b"banana"


@given(st.binary(min_size=4, max_size=12).filter(lambda s: len(s.splitlines()) == 1), st.data())
def test_a_secret_is_never_shown_however_the_stream_is_cut(secret: bytes, data: st.DataObject) -> None:
    needle = secret.splitlines()[0]
    text = data.draw(st.binary(max_size=20)) + needle + data.draw(st.binary(max_size=20))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    found = shown([secret], *chunks)
    assert len(needle) < 4 or needle in MASK or needle not in found
