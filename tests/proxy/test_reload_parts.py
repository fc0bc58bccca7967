"""The pure parts of a reload: who is guilty, and when to act."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.proxy.reload.bisect import MOST_GUILTY, separate
from wherry.proxy.reload.debounce import Debounce


@given(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1)))
)
def test_exactly_the_guilty_are_left_out_in_log_n_tries_each(case: tuple[int, set[int]]) -> None:
    count, bad = case
    bad = set(sorted(bad)[:MOST_GUILTY])
    tried = 0

    def complain(items: Sequence[int]) -> str | None:
        nonlocal tried
        tried += 1
        return next((f"about {i}" for i in items if i in bad), None)

    verdict = separate(range(count), f"about {min(bad)}", complain)
    assert verdict is not None
    assert verdict.good == tuple(i for i in range(count) if i not in bad)
    assert verdict.guilty == {i: f"about {i}" for i in bad}
    assert verdict.tries == tried <= 1 + len(bad) * (math.ceil(math.log2(count)) + 1)


def test_of_two_that_only_fail_together_the_later_is_guilty() -> None:
    verdict = separate("abcdef", "both", lambda items: "both" if {"b", "e"} <= set(items) else None)
    assert verdict is not None and verdict.guilty == {4: "both"}


def test_where_not_even_nothing_passes_nobody_is_guilty() -> None:
    assert separate("abc", "broken", lambda _: "broken") is None


def test_beyond_the_most_guilty_what_is_known_to_pass_is_kept() -> None:
    bad = set(range(10, 200))
    verdict = separate(range(300), "bad", lambda items: "bad" if bad & set(items) else None)
    assert verdict is not None
    assert verdict.good[:10] == tuple(range(10)) and not bad & set(verdict.good)
    assert len(verdict.guilty) + len(verdict.good) == 300


def test_the_first_change_acts_at_once_and_later_ones_after_quiet() -> None:
    debounce = Debounce(window=0.1, longest=1.0)
    assert debounce.due() is None
    debounce.changed(5.0)
    assert debounce.due() == 5.0
    debounce.acted(5.0)
    assert debounce.due() is None
    debounce.changed(5.02)
    assert debounce.due() == pytest.approx(5.12)
    debounce.changed(5.1)
    assert debounce.due() == pytest.approx(5.2)


def test_changes_without_a_pause_wait_no_longer_than_the_longest() -> None:
    debounce = Debounce(window=0.1, longest=1.0)
    debounce.changed(5.0)
    debounce.acted(5.0)
    for step in range(1, 60):
        debounce.changed(5.0 + step * 0.05)
    assert debounce.due() == pytest.approx(6.05)


def test_what_comes_while_an_action_runs_counts_from_when_it_came() -> None:
    debounce = Debounce(window=0.1, longest=1.0)
    debounce.changed(5.0)
    debounce.acted(5.0)
    debounce.changed(5.3)  # the action took half a second: quiet for long when it is over
    assert debounce.due() == 5.3


def test_an_urgent_change_acts_at_once_and_takes_the_others_with_it() -> None:
    debounce = Debounce(window=0.1, longest=1.0)
    debounce.changed(5.0)
    debounce.acted(5.0)
    debounce.changed(5.01)
    assert debounce.due() == pytest.approx(5.11)
    debounce.changed(5.02, urgent=True)
    assert debounce.due() == 5.01
    debounce.acted(5.02)
    debounce.changed(5.03)
    assert debounce.due() == pytest.approx(5.13), "it is over"


def test_a_storm_of_urgent_changes_is_gathered_like_others() -> None:
    """Each reload leaves workers that drain; 32 generations of them would hold up the next for seconds."""
    debounce = Debounce(window=0.1, longest=1.0)
    now, acted = 100.0, 0
    while now < 110.0:
        now += 0.02
        debounce.changed(now, urgent=True)
        due = debounce.due()
        assert due is not None and due <= now + 1.0
        if due <= now:
            debounce.acted(now)
            acted += 1
    assert 50 <= acted <= 67
