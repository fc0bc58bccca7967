"""What registries write into headers."""

from __future__ import annotations

import pytest

from wherry.registry.headers import challenges, first_of_range, next_page, received, retry_after


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ('Basic realm="a b"', [("basic", {"realm": "a b"})]),
        (
            'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.example/token",
                        "service": "reg",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ('bearer Realm=x, Basic realm="y"', [("bearer", {"realm": "x"}), ("basic", {"realm": "y"})]),
        (r'Bearer realm="a\"b\\c"', [("bearer", {"realm": 'a"b\\c'})]),
        ('Bearer realm="never closed', [("bearer", {"realm": ""})]),
        ("Negotiate, Basic", [("negotiate", {}), ("basic", {})]),
        ('= " , \x00', []),
        ("Bearer " + "a=b," * 100_000, None),
    ],
)
def test_a_challenge_is_understood_as_far_as_it_can_be(text: str, found: object) -> None:
    heard = challenges(text)
    assert found is None or heard == found


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("", None),
        ('</v2/a/tags/list?last=b&n=2>; rel="next"', "/v2/a/tags/list?last=b&n=2"),
        ("<https://h/x>; rel=next", "https://h/x"),
        ('<a>; rel="prev", <b>; rel="NEXT"', "b"),
        ('<a>; rel="prev"', None),
    ],
)
def test_where_a_list_goes_on(text: str, page: str | None) -> None:
    assert next_page(text) == page


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("9" * 5000, 999999999.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
    ],
)
def test_how_long_to_wait(text: str, seconds: float | None) -> None:
    assert retry_after(text, 10.0) == seconds


@pytest.mark.parametrize(
    ("text", "first"),
    [("bytes 7-9/10", 7), ("bytes 0-0/*", 0), ("bytes */10", None), ("x", None), ("", None)],
)
def test_where_a_part_begins(text: str, first: int | None) -> None:
    assert first_of_range(text) == first


@pytest.mark.parametrize(
    ("text", "bytes_"), [("0-41", 42), ("bytes=0-41", 42), ("0-0", 0), ("", 0), ("x-y", 0)]
)
def test_how_far_an_upload_came(text: str, bytes_: int) -> None:
    assert received(text) == bytes_
