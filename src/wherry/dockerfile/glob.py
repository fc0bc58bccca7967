"""PURE: wildcards of COPY and ADD (Go's filepath.Match) and of variable patterns (``${v#*.}``).

Matching keeps the set of positions that are still possible, so its time is pattern times text, whatever
the pattern.
"""

from __future__ import annotations

import functools

from wherry.dockerfile.charset import Set, bad_pattern, character_set
from wherry.pattern import pattern

SPECIAL = frozenset("*?[\\")
_PLAIN = pattern(r"(?s)(?:[^\\*?\[]|\\.)*\\?\Z")
_ESCAPED = pattern(r"(?s)\\(.)")


# A token is a literal character, ANY ("?"), MANY ("*") or a set.
ANY, MANY = None, ...
Token = object


def has_wildcards(text: str) -> bool:
    return plain(text) is None


def plain(text: str) -> str | None:
    """The name that a word without wildcards means: a backslash gives the character after it."""
    if SPECIAL.isdisjoint(text):
        return text
    return _ESCAPED.sub(r"\1", text) if _PLAIN.match(text) else None


def match(pattern: str, name: str) -> bool:
    """Whether one path component matches, as filepath.Match.  Raises ContextError for a bad pattern."""
    return len(name) in ends(_compiled(pattern, True), name)


def ends(tokens: tuple[Token, ...], text: str) -> set[int]:
    """All lengths of prefixes of `text` that the whole pattern matches."""
    states = {0}
    for token in tokens:
        if token is MANY:
            states = set(range(min(states), len(text) + 1))
        else:
            states = {at + 1 for at in states if at < len(text) and _accepts(token, text[at])}
        if not states:
            break
    return states


def shell_pattern(pattern: str) -> tuple[Token, ...]:
    """The pattern of ``${v#pattern}``: ``*`` and ``?``, a backslash before a literal one."""
    return _compiled(pattern, False)


def _accepts(token: Token, char: str) -> bool:
    if token is ANY:
        return True
    if isinstance(token, Set):
        return token.has(char)
    return token == char


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str, sets: bool) -> tuple[Token, ...]:
    tokens: list[Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            if not tokens or tokens[-1] is not MANY:
                tokens.append(MANY)
        elif char == "?":
            tokens.append(ANY)
        elif char == "[" and sets:
            found, at = character_set(pattern, at)
            tokens.append(found)
        elif char == "\\":
            if at == len(pattern):
                raise bad_pattern(pattern)
            tokens.append(pattern[at])
            at += 1
        else:
            tokens.append(char)
    return tuple(tokens)
