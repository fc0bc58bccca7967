# ruff: noqa: E501
"""Patterns of ``${v#p}`` and ``${v/p/r}``: the same as by trying every length, in time that stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.dockerfile.expand import LARGEST, LONGEST_PATTERN, ExpansionError, expand
from wherry.dockerfile.glob import ends, shell_pattern
from wherry.dockerfile.substring import pieces, prefix, search

PATTERNS = st.text(alphabet="ab*?", max_size=8)
VALUES = st.text(alphabet="abc", max_size=14)


@settings(max_examples=1000, deadline=None)
@given(PATTERNS, VALUES)
def test_beginnings_are_those_that_match(pattern: str, value: str) -> None:
    tokens = shell_pattern(pattern)
    lengths = ends(tokens, value)
    assert prefix(pieces(tokens), value, longest=True) == max(lengths, default=None)
    assert prefix(pieces(tokens), value, longest=False) == min(lengths, default=None)


@settings(max_examples=1000, deadline=None)
@given(PATTERNS, VALUES, st.integers(0, 5))
def test_the_first_match_is_found_and_is_the_longest_there(pattern: str, value: str, start: int) -> None:
    tokens = shell_pattern(pattern)
    start = min(start, len(value))
    matches = ((at, ends(tokens, value[at:])) for at in range(start, len(value) + 1))
    expected = next(((at, at + max(lengths)) for at, lengths in matches if lengths), None)
    assert search(pieces(tokens), value, start) == expected


@pytest.mark.parametrize(
    "word",
    ["${v//*a*a*a*b/x}", "${v//a?a?a?b/x}", "${v/?*?*?*b/x}", "${v%%*a*a*a*b}", "${v##*a*a*a*b}", "${v//a/bb}",
     "${v%" + "a?" * 1000 + "}", "${v//" + "?" * 2000 + "b/x}", "${v//" + "a" * 2000 + "b/x}"],
    ids=range(9),
)  # fmt: skip
def test_no_pattern_takes_long(word: str) -> None:
    """A quadratic matcher takes hours."""
    expand(word, {"v": "a" * 500_000})


@pytest.mark.parametrize(
    "word", ["$v$v", "${v:-x}${v}", "${v//a/" + "b" * 100 + "}", "'x'\"$v\"$v", "${w:-$v$v}", "${v/x/$v}"]
)
def test_what_variables_stand_for_is_bounded(word: str) -> None:
    with pytest.raises(ExpansionError, match=f"more than {LARGEST} characters"):
        expand(word, {"v": "a" * (LARGEST // 2 + 1)})


def test_patterns_are_bounded() -> None:
    with pytest.raises(ExpansionError, match=f"a pattern of more than {LONGEST_PATTERN} characters"):
        expand("${v#" + "a" * 5000 + "}", {"v": "a"})
