"""Docker's rules for .dockerignore (its reference, "dockerignore files")."""

from __future__ import annotations

import pytest

from wherry.dockerfile.ignore import parse
from wherry.errors import ContextError


@pytest.mark.parametrize(
    ("text", "path", "excluded"),
    [
        ("*/temp*", "somedir/temporary.txt", True),
        ("*/temp*", "somedir/sub/temporary.txt", False),
        ("*/*/temp*", "somedir/subdir/temporary.txt", True),
        ("temp?", "tempa", True),
        ("temp?", "temp", False),
        ("**/*.go", "a.go", True),
        ("**/*.go", "x/y/a.go", True),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", False),
        ("/foo/bar", "foo/bar", True),
        ("foo/bar/", "foo/bar", True),
        ("./foo", "foo", True),
        ("foo", "foo/below/deep", True),
        ("foo\n!foo/keep", "foo/keep", False),
        ("foo\n!foo/keep", "foo/other", True),
        ("a/../b", "b", True),
        ("# foo", "foo", False),
        ("#", "#", False),
        ("\\#x", "#x", True),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("a\\*b", "a*b", True),
        ("a\\*b", "axb", False),
        ("**", "anything/at/all", True),
        ("**\n!a", "a", False),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("**/node_modules", "x/node_modules/y", True),
        ("x.y", "xzy", False),
        ("", "a", False),
        (".", "a", False),
        ("  spaced  ", "spaced", True),
    ],
)
def test_verdict(text: str, path: str, excluded: bool) -> None:
    assert parse(text).verdict(path).excluded is excluded


def test_the_verdict_names_the_line() -> None:
    verdict = parse("# c\n\n*.key\n!public.key\nsecret/\n").verdict("secret/x")
    assert (verdict.line, verdict.pattern) == (5, "secret/")


@pytest.mark.parametrize("text", ["!", "[", "a[b", "\\"])
def test_patterns_without_a_meaning_name_their_line(text: str) -> None:
    with pytest.raises(ContextError, match="line 2"):
        parse("ok\n" + text)


def test_an_excluded_folder_is_skipped_only_where_no_exception_reaches_below_it() -> None:
    assert parse("a\n").may_skip("a")
    assert not parse("a\n!a/b/c\n").may_skip("a")
    assert parse("a\n!b\n").may_skip("a")
    assert not parse("*\n!**/x\n").may_skip("a")
