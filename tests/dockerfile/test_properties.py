"""Whatever the bytes are: a parse or an error of ours, never another exception, and soon."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wherry.dockerfile import parse
from wherry.dockerfile.expand import ExpansionError, expand
from wherry.dockerfile.glob import match
from wherry.dockerfile.ignore import parse as parse_ignore
from wherry.errors import DockerfileError, WherryError

PIECES = """
FROM RUN COPY ADD ENV ARG LABEL HEALTHCHECK NONE ONBUILD SHELL CMD AS a b $x ${y:-z} --from=a --chown /x . *
--mount=type=cache,target=/c --interval=1s <<EOF <<-'E' EOF [ ] "a", \\ # = ' ` "
"""
WORDS = st.sampled_from([*PIECES.split(), "\t", "\n", "\n", "\n", "\\\n"])


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.lists(WORDS, max_size=40).map(lambda w: " ".join(w).encode())))
@example(b"FROM a\nRUN <<")
@example(b"FROM a\nRUN --mount=")
@example(b"# escape=")
@example(b"\\")
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        found = parse(data)
    except DockerfileError as error:
        assert error.message and error.line >= 0
    else:
        assert found.stages


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet="$v{}:-+?#%/'\"\\ab*[]!^ ", max_size=40), st.text(max_size=10))
def test_any_word_is_expanded_or_refused(word: str, value: str) -> None:
    try:
        expand(word, {"v": value})
    except ExpansionError:
        pass


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab*?[]-^\\/!.", max_size=20), st.text(alphabet="ab-/.", max_size=20))
def test_any_pattern_matches_or_is_refused(pattern: str, name: str) -> None:
    try:
        match(pattern, name)
        parse_ignore(pattern).verdict(name)
    except WherryError:
        pass


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN " + "\\\n" * 200_000 + "x\n",
        "FROM a\n" + "# comment\n" * 200_000,
        "FROM a\nRUN " + "x \\\n# c\n" * 100_000 + "y\n",
        "FROM a\nRUN <<EOF\n" + "line\n" * 300_000 + "EOF\n",
        "FROM a\nENV " + " ".join(f"A{i}=1" for i in range(50_000)) + "\n",
        "FROM a\nRUN " + "<<A " * 3_000 + "\n" + "A\n" * 3_000,
        "FROM a\nLABEL a=" + '"' * 100_001 + "\n",
        "FROM a\n" + "RUN true\n" * 50_000,
        "FROM a\nRUN [" * 1 + "[" * 100_000 + "\n",
    ],
    ids=range(9),
)
def test_large_and_hostile_files_are_read_in_linear_time(text: str) -> None:
    """The sizes are such that a quadratic reader would not end within the patience of anyone."""
    try:
        parse(text)
    except DockerfileError:
        pass


def test_a_pattern_that_makes_backtracking_matchers_explode() -> None:
    assert not match("a*" * 30 + "b", "a" * 500)
    assert parse_ignore("**/a*/" * 20 + "c\n").verdict("a/" * 50 + "b").excluded is False
