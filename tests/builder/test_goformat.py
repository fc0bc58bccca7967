"""Values as Go prints them: what Go's fmt and time print, noted from their documentation."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.builder.plan.go_format import go_health, go_words

SECOND = 10**9


@pytest.mark.parametrize(
    "words, shown",
    [([], "[]"), (["a"], '["a"]'), (["a", "b c"], '["a" "b c"]'), (['q"\\', "é\n"], '["q\\"\\\\" "é\\n"]')],
)
def test_lists(words: list[str], shown: str) -> None:
    assert go_words(words) == shown


@pytest.mark.parametrize(
    "more, shown",
    [
        ({}, "Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0"),
        (
            {"Interval": 90 * SECOND, "Retries": 3},
            "Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:3",
        ),
        (
            {"Timeout": 3600 * SECOND, "StartPeriod": SECOND // 10},
            "Interval:0s Timeout:1h0m0s StartPeriod:100ms StartInterval:0s Retries:0",
        ),
        (
            {"Interval": 7, "StartPeriod": 1500, "StartInterval": 3 * SECOND // 2},
            "Interval:7ns Timeout:0s StartPeriod:1.5µs StartInterval:1.5s Retries:0",
        ),
    ],
)
def test_a_health_check_names_its_durations_and_its_number(more: dict[str, Any], shown: str) -> None:
    assert go_health({"Test": ["CMD", "true", "a b"], **more}) == f"{{Test:[CMD true a b] {shown}}}"
