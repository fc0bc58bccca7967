from __future__ import annotations

import pytest

from wherry.dockerfile.expand import ExpansionError, expand, expand_document, expand_words, used

ENV = {"é": "acute", "v": "value", "e": "", "p": "/usr/local/lib/x.tar.gz", "b": "two  words", "n": "a.b.c"}


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("$v", "value"),
        ("${v}", "value"),
        ("a$v.b", "avalue.b"),
        ("$unset|${unset}", "|"),
        ("${v:-w}", "value"),
        ("${e:-w}", "w"),
        ("${e-w}", ""),
        ("${u:-w}${u-w}", "ww"),
        ("${v:+w}${v+w}", "ww"),
        ("${e:+w}|${e+w}", "|w"),
        ("${u:+w}|${u+w}", "|"),
        ("${v:?w}", "value"),
        ("${u:-$v}", "value"),
        ("${u:-${e:-${v}}}", "value"),
        ("${p#*/}", "usr/local/lib/x.tar.gz"),
        ("${p##*/}", "x.tar.gz"),
        ("${p%.*}", "/usr/local/lib/x.tar"),
        ("${p%%.*}", "/usr/local/lib/x"),
        ("${p%nomatch}", "/usr/local/lib/x.tar.gz"),
        ("${n/./-}", "a-b.c"),
        ("${n//./-}", "a-b-c"),
        ("${n//./}", "abc"),
        ("${n/[a-b]/x}", "a.b.c"),
        ("${p##*\\/}", "x.tar.gz"),
        ('"$v"', "value"),
        ("'$v'", "$v"),
        ('"a\'b"', "a'b"),
        ("'a\"b'", 'a"b'),
        ("\\$v", "$v"),
        ('"\\$v"', "$v"),
        ("'\\$v'", "\\$v"),
        ('"\\n"', "\\n"),
        ("a\\ b", "a b"),
        ("\\\\", "\\"),
        ("é${v}ü", "évalueü"),
        ("", ""),
        ("$", "$"),
        ("a$", "a$"),
        # All digits are one name, letters are Unicode's.
        ("$001|${001:-d}|$1x|$0", "|d|x|"),
        ("$é|${é}|$éx|${éx:-no}", "acute|acute||no"),
        # A replacement keeps its escape characters; quotes go.
        ("${n//./\\/}", "a\\/b\\/c"),
        ("${n//./'/'}", "a/b/c"),
        ("${n/./${u:-\\}}}", "a}b.c"),
        # Quotes of a pattern go, and what they hold is no escape.
        ("${n#'a.'}", "b.c"),
        ('${n%".c"}', "a.b"),
        ("${n#\\*}|${n%\\?}", "a.b.c|a.b.c"),
    ],
)
def test_expand(word: str, result: str) -> None:
    assert expand(word, ENV) == result


@pytest.mark.parametrize(
    "word",
    [
        "${v",
        "${",
        "${}",
        "${v:",
        "${u:?gone}",
        "'open",
        '"open',
        "${v~x}",
        "${v##\\x}",
        "${v/\\x/y}",
    ],
)
def test_words_that_cannot_be_expanded(word: str) -> None:
    with pytest.raises(ExpansionError):
        expand(word, ENV)


def test_the_words_of_a_question_mark_are_the_message() -> None:
    with pytest.raises(ExpansionError, match="set it with --build-arg"):
        expand("${u:?set it with --build-arg}", ENV)


def test_another_escape_character() -> None:
    assert expand("c:\\$v`$v", ENV, "`") == "c:\\value$v"


def test_a_value_with_blanks_is_split_only_outside_quotes() -> None:
    assert expand_words('$b "$b" x', ENV) == ["two", "words", "two  words", "x"]


def test_a_document_keeps_its_quotes() -> None:
    assert expand_document("\"$v\" '${v}' \\$v\n", ENV) == "\"value\" 'value' $v\n"


def test_which_variables_a_word_mentions() -> None:
    assert used("$a ${b:-$c} '$d' \\$e") == {"a", "b", "c"}


@pytest.mark.parametrize("size", [20_000])
def test_hostile_words_end(size: int) -> None:
    """Each of these takes for ever, or the whole stack, in an expander that backtracks or recurses."""
    for word in ("${a:-" * size, "\\" * size, "$" * size, "'" * (size + 1), "${v//" + "*" * 40 + "b/x}"):
        try:
            expand(word, {**ENV, "v": "a" * 200})
        except ExpansionError:
            pass
