"""PURE: label selectors as kubectl takes them, checked before anything is asked of a server.

    app=web   app==web   app!=web   tier in (a, b)   tier notin (a, b)   tier   !tier     joined by commas

The rules are those of k8s.io/apimachinery/pkg/labels; `Gt` and `Lt` are not taken, as kubectl's help says.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
PREFIX = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
KEY = re.compile(rf"(?:{PREFIX}/)?{NAME}")
VALUE = re.compile(rf"(?:{NAME})?")
TOKEN = re.compile(r"\s*(==|!=|=|!|,|\(|\)|[^\s=!,()]+)")


class BadSelector(Exception):
    """The text is not a label selector; the message says why."""


class Requirement(NamedTuple):
    """`operator` is "in", "notin", "exists" or "missing"; equality is "in" or "notin" with one value."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


def parse(text: str) -> tuple[Requirement, ...]:
    """All requirements, which must hold together.  The empty text selects everything."""
    tokens = _tokens(text)
    found = []
    while tokens:
        found.append(_requirement(tokens))
        if tokens and (tokens.pop(0) != "," or not tokens):
            raise BadSelector("requirements are joined by single commas")
    return tuple(found)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match is not None  # noqa: S101  every character is in one of its alternatives
        tokens.append(match[1])
        at = match.end()
    return tokens


def _requirement(tokens: list[str]) -> Requirement:
    word = tokens.pop(0)
    if word == "!":
        return Requirement(_key(_next(tokens)), "missing")
    key = _key(word)
    if not tokens or tokens[0] == ",":
        return Requirement(key, "exists")
    operator = tokens.pop(0)
    if operator in ("=", "==", "!="):
        value = _value(tokens.pop(0) if tokens and tokens[0] != "," else "")
        return Requirement(key, "notin" if operator == "!=" else "in", (value,))
    if operator in ("in", "notin"):
        return Requirement(key, operator, _values(tokens))
    raise BadSelector(f'after "{key}" comes one of =, ==, !=, in, notin')


def _values(tokens: list[str]) -> tuple[str, ...]:
    """``(a, b)``; an empty entry is the empty value, as in kubectl."""
    if _next(tokens) != "(":
        raise BadSelector("in and notin take values in parentheses")
    values, current = [], ""
    while (word := _next(tokens)) != ")":
        if word == ",":
            values.append(current)
            current = ""
        elif current:
            raise BadSelector("values are separated by commas")
        else:
            current = _value(word)
    values.append(current)
    return tuple(sorted(set(values)))


def _next(tokens: list[str]) -> str:
    if not tokens:
        raise BadSelector("it ends too early")
    return tokens.pop(0)


def _key(text: str) -> str:
    if not KEY.fullmatch(text):
        raise BadSelector(f"{text!r} is not a label's name")
    return text


def _value(text: str) -> str:
    if not VALUE.fullmatch(text):
        raise BadSelector(f"{text!r} is not a label's value")
    return text
