"""The one time of a reproducible image, by itself."""

from __future__ import annotations

import pytest

from wherry.builder.plan.epoch import LATEST, newest, parse
from wherry.errors import UsageError


@pytest.mark.parametrize(("text", "seconds"), [("", None), ("0", 0), ("1700000000", 1_700_000_000)])
def test_whole_seconds_since_1970(text: str, seconds: int | None) -> None:
    assert parse(text) == seconds


def test_the_last_year_has_four_digits() -> None:
    assert parse(str(LATEST)) == LATEST
    with pytest.raises(UsageError):
        parse(str(LATEST + 1))


@pytest.mark.parametrize("text", ["-1", "+1", " 1", "1.5", "now", "0x10", "1_0", "٣", "9" * 5000])
def test_what_is_no_such_time_is_refused_with_a_way_to_one(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert "SOURCE_DATE_EPOCH" in str(refused.value) and "git log" in (refused.value.hint or "")


def test_the_newest_of_several_images_counts() -> None:
    moved = "2021-01-01T01:00:00.999999999+01:00"
    times = ["2020-01-01T00:00:00Z", moved, "0001-01-01T00:00:00Z", "", "soon"]
    assert newest(times, 0) == 1_609_459_200
    assert newest(times[2:], 7) == newest([], 7) == 7


def test_a_time_without_a_zone_is_utc() -> None:
    assert newest(["1970-01-01T00:00:09"], 0) == 9
