"""Values as Go prints them: what Go's fmt and time print, noted from their documentation."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.build.goformat import go_health, go_words

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
        ({}, '"0s" "0s" "0s" "0s" \'\\x00\''),
        ({"Interval": 90 * SECOND, "Retries": 3}, '"1m30s" "0s" "0s" "0s" \'\\x03\''),
        ({"Timeout": 3600 * SECOND, "Retries": 10}, '"0s" "1h0m0s" "0s" "0s" \'\\n\''),
        ({"StartPeriod": SECOND // 10, "Retries": 39}, '"0s" "0s" "100ms" "0s" \'\\\'\''),
        ({"StartInterval": 3 * SECOND // 2, "Retries": 48}, '"0s" "0s" "0s" "1.5s" \'0\''),
        ({"StartInterval": 1500, "Retries": 0x110000}, '"0s" "0s" "0s" "1.5µs" \'\ufffd\''),
        ({"StartInterval": 7, "Retries": 0x85}, '"0s" "0s" "0s" "7ns" \'\\u0085\''),
    ],
)
def test_a_health_check_has_durations_and_a_number_as_a_character(more: dict[str, Any], shown: str) -> None:
    assert go_health({"Test": ["CMD", "true"], **more}) == f'&{{["CMD" "true"] {shown}}}'
