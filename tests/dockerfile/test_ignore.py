"""Docker's rules for .dockerignore (its reference, "dockerignore files")."""

from __future__ import annotations

import random

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
        # Two stars and plain text alone: what the path ends with.
        ("**.pem", "server.pem", True),
        ("**.pem", "certs/server.pem", True),
        ("**.p?m", "server.pem", False),
        ("**b", "xb", True),
        ("**/b", "xb", False),
        # Plain text and two stars at the end: what the path begins with.
        ("a**", "abc", True),
        ("a**", "a/b", True),
        ("a*b**", "axbc/d", True),
        # "x/**" leaves the folder itself.
        ("**/cache/**", "cache", False),
        ("**/cache/**", "x/cache", False),
        ("**/cache/**", "x/cache/a/b", True),
        ("**/node_modules/**", "node_modules/x", True),
        ("**/**b", "b", True),
        ("**/**b", "x/y/b", True),
        ("**/**b", "xb", False),
        ("***", "a/b", True),
        ("****/z", "a/b/z", True),
        # A negated set takes a slash, too.
        ("[^a]", "b", True),
        ("[^a]", "a", False),
        ("x[^a]y", "x/y", True),
        ("[a-z]", "/", False),
        ("[]a]x", "ax", None),
        ("[a-]", "a", None),
        ("\\d.log", "7.log", True),
        ("\\d.log", "d.log", False),
        ("\\q", "q", None),
        ("!/", "a", None),
        ("! ", "a", None),
        ("/!a", "a", False),
        ("*\n/!a", "a", False),
        ("*\n!!a", "!a", False),
        ("* /", "b", True),
        ("//a", "a", True),
        ("/", "a", False),
        ("..", "a", False),
        ("a.b(c)+$", "a.b(c)+$", True),
        ("\udcff*", "\udcffx", True),
        # The last pattern that matches the path or one of its folders decides.
        ("a\n!a/b\na", "a/b", True),
        ("a/*\n!a/b", "a/b/c", False),
        ("**\n!x/**/y\nx/z", "x/z/y", True),
        ("*\n!src\n**/*.pyc", "src/m.pyc", True),
    ],
)
def test_verdict(text: str, path: str, excluded: bool | None) -> None:
    """None: the pattern has no meaning."""
    if excluded is None:
        with pytest.raises(ContextError):
            parse(text)
    else:
        assert parse(text).verdict(path).excluded is excluded


@pytest.mark.parametrize("stars", [1, 2, 3, 4, 7, 30])
def test_any_number_of_stars_is_matched_by_the_same_rules(stars: int) -> None:
    rules = parse("x/" + "*a" * stars)
    assert rules.verdict("x/" + "ba" * stars).excluded
    assert rules.verdict("x/" + "ba" * stars + "/below").excluded
    assert not rules.verdict("x/" + "ba" * (stars - 1) + "b").excluded
    assert not rules.verdict("x/b/" + "a" * stars).excluded


def test_many_hostile_patterns_and_a_long_path_are_matched_in_linear_time() -> None:
    rules = parse(
        "\n".join(
            ["*a" * 500 + "b", "**/" * 300 + "*a" * 300 + "z", *(f"**/*{n}*a*b*c" for n in range(500))]
        )
    )
    assert not rules.verdict("a" * 3000).excluded
    assert rules.verdict("x/" * 200 + "1abc").excluded


def test_states_that_are_forgotten_are_found_again() -> None:
    rules = parse("*a*b*c*d*e\n!*x*y*z")
    rng = random.Random(5)
    paths = ["".join(rng.choices("abcdexyz/", k=12)).strip("/").replace("//", "/") for _ in range(4000)]
    first = [rules.verdict(path).excluded for path in paths]
    assert first == [rules.verdict(path).excluded for path in paths]
    assert first == [parse("*a*b*c*d*e\n!*x*y*z").verdict(path).excluded for path in paths]
    assert len(set(first)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_20_000_patterns_in_many_blocks_decide_as_each_alone(seed: int) -> None:
    rng = random.Random(seed)
    names = [f"{rng.choice('abc')}{n}" for n in range(20_000)]
    lines = [rng.choice(("{}", "**/{}", "x/{}/*", "!y/{}", "{}*z")).format(name) for name in names]
    rules = parse("\n".join(lines))
    for number in rng.sample(range(20_000), 40):
        alone = parse(lines[number])
        for path in (names[number], f"y/{names[number]}", f"x/{names[number]}/1", f"{names[number]}-z"):
            if alone.verdict(path).excluded:
                assert rules.verdict(path).line == number + 1 or not rules.verdict(path).excluded


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
    assert parse("!a/b\na\n").may_skip("a")
    assert not parse("a\n!a/*/c\n").may_skip("a/b")
    assert parse("a\n!a/b*/c\n").may_skip("a/c")
