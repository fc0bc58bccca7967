"""Lines of history without a time get one from the layers around them, as BuildKit gives it."""

from __future__ import annotations

import pytest

from wherry.builder.output.image import with_times
from wherry.oci.config import History


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", ""),
        ("--", "--"),
        ("123", "123"),
        ("1-", "11"),
        ("1-2", "122"),
        ("1-2-3-", "122233"),
        ("-1", "11"),
        ("12--3", "12333"),
        ("12--", "1222"),
        ("--1-2--", "1111222"),
    ],
)
def test_a_line_without_a_time_has_that_of_a_layer(given: str, found: str) -> None:
    lines = [History(created=time if time != "-" else "") for time in given]
    assert "".join(line.created or "-" for line in with_times(lines)) == found
