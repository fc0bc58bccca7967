"""One parameter, quoted: read back it is the same parameter, or it was refused."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.conf import parsed
from wherry.proxy.nginx import quote as module
from wherry.proxy.nginx.quote import Code, Unquotable, exactly, map_key, quote

SOURCE = Path(module.__file__).parents[1]


@given(st.text(max_size=60))
def test_any_text_is_one_parameter_or_is_refused(text: str) -> None:
    try:
        written = quote(text)
    except Unquotable:
        assert "$" in text or not all(" " <= c <= "~" for c in text)
        return
    assert "\n" not in written
    found = parsed(f"name before {written} after;\n")
    assert found == [("name", ("before", text.replace("\\", "\\\\"), "after"), None)]


@pytest.mark.parametrize(
    "text", ["$host", "a${b}", "\n", "\r", "\t", "\0", "\x7f", "é", "\u2028", "x" * 2049]
)
def test_what_nginx_has_no_escape_for_is_refused(text: str) -> None:
    with pytest.raises(Unquotable):
        quote(text)


@pytest.mark.parametrize(
    "text, written",
    [
        ("a.example", "a.example"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a;b", '"a;b"'),
        ("{", '"{"'),
        ("#x", '"#x"'),
        ("'", '"\'"'),
        ('"', '"\\""'),
        ("\\", '"\\\\"'),
        ("\\n", '"\\\\n"'),
    ],
)
def test_what_could_end_a_word_stands_in_quotes(text: str, written: str) -> None:
    assert quote(text) == written


def test_code_may_hold_variables_and_still_ends_nowhere_else() -> None:
    assert quote(Code("$host")) == "$host"
    assert quote(Code("$a;b")) == '"$a;b"'
    assert quote(Code("a\nb")) == '"a\\nb"'


@pytest.mark.parametrize("word", ["default", "include", "hostnames", "volatile", "~x", "\\x"])
def test_a_key_of_a_map_is_never_one_of_its_words(word: str) -> None:
    assert map_key(word) == "\\" + word


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30))
def test_an_exact_pattern_matches_its_text_and_nothing_longer(text: str) -> None:
    pattern = re.compile(exactly(text)[1:].removesuffix("\\z") + "\\Z")  # as Python writes it
    assert pattern.match(text)
    assert not pattern.match(text + "x") and not pattern.match("x" + text)


def test_code_is_made_of_wherrys_own_text_only() -> None:
    """Each Code(...) is a literal, or put together of literals and names of this table."""
    checked = {
        "pattern",
        "depth",
        "variable",
        "operator",
        "to",
        "source",
        "into",
        "fallback",
        "fields",
        "target",
        "again",
        "message",
        "value",
        "settings",
        "text",
        "generation",
    }
    for path in (SOURCE / "nginx").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Code":
                names = {n.id for n in ast.walk(node.args[0]) if isinstance(n, ast.Name)}
                assert names <= checked, (path.name, node.lineno, names)


def test_nothing_else_writes_nginx_syntax() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.parent.name != "nginx":
            assert not re.search(r"proxy_pass|[{;]\\n|upstream \{", path.read_text()), path
