"""PURE: YAML as nearly all manifests are written, read four times as fast as by libyaml and PyYAML.

Block mappings and sequences, a key or an item on each line, with values that mean what they say: words,
decimal numbers, true, false and null, texts in quotes without escapes, {} and [].  Of any other text read()
says nothing, and of none anything else than YAML 1.1 does: a test asks both.  Nor is a key there twice.
"""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

LONGEST = 512
"""Characters of a line; YAML takes no key of more than 1,024."""
_LINE = re.compile(
    r"""
    (?P<blanks>[ ]*) (?P<item>-[ ])?
    (?: (?P<key>[A-Za-z][A-Za-z0-9_./-]*) : (?: (?P<none>\Z) | [ ]+(?!\Z) ) )?
    (?: (?P<text>[A-Za-z_/][A-Za-z0-9_./-]*(?:[: ][A-Za-z0-9_./-]+)*
        |[0-9]+(?:\.[0-9]+){3}|[1-9][0-9]*[A-Za-z]+)
      | (?P<number>0|[1-9][0-9]{0,17})
      | "(?P<double>[ !#-\[\]-~]*)" | '(?P<single>[ -&(-~]*)'
      | (?P<mapping>\{\}) | (?P<sequence>\[\]) )?
    """,
    re.VERBOSE,
)
_SKIPPED = re.compile(r"[ ]*(?:#[ -~]*)?")
_NO_TEXT = frozenset(("yes", "no", "on", "off", "true", "false", "null"))
"""Words that YAML 1.1 takes for something else, in several cases of letters."""
_MEANT = {"true": True, "false": False, "null": None}


_Line = tuple[int, bool, str, Any, bool]
"""Indentation; whether it is an item; its key ("": none) and value; whether more lines may have that."""


class _Pending(NamedTuple):
    """A key whose value may follow, and the mapping that it is in, at `indent`."""

    indent: int
    mapping: dict[str, Any]
    key: str


_NOTHING: _Line = (-1, False, "", None, False)


def read(text: bytes, deepest: int) -> tuple[int, dict[str, Any]] | None:
    """A document's first line (1-based) and its mapping, of no more than `deepest` levels.

    None for whatever is written in another way, be it YAML or not.
    """
    if not text.isascii():
        return None
    first = 0
    root: dict[str, Any] = {}
    stack: list[tuple[int, Any]] = []
    pending: _Pending | None = None
    for number, line in enumerate(text.decode("ascii").split("\n"), 1):
        if number == 1 and line == "---":
            continue
        found = _line(line) if len(line) <= LONGEST else None
        if found is None:
            return None
        indent, item, key, value, is_open = found
        if indent < 0:
            continue
        if not first:
            first = number
            stack.append((indent, root))
        mapping: dict[str, Any] | None
        if item:
            holder = _sequence(stack, pending, indent)
            if holder is None:
                return None
            mapping = {}
            holder.append(mapping if key else value)
            pending = None
            indent += 2
            if not key:
                continue
            stack.append((indent, mapping))
        else:
            mapping = _mapping(stack, pending, indent)
        if mapping is None or key in mapping or len(stack) > deepest:
            return None
        mapping[key] = value
        pending = _Pending(indent, mapping, key) if is_open else None
    return (first, root) if first else None


def _sequence(stack: list[tuple[int, Any]], pending: _Pending | None, indent: int) -> list[Any] | None:
    """What an item at `indent` belongs to; None where nothing there may have one."""
    if pending is not None and indent >= pending.indent:
        opened: list[Any] = []
        pending.mapping[pending.key] = opened
        stack.append((indent, opened))
        return opened
    while stack[-1][0] > indent:
        stack.pop()
    at, holder = stack[-1]
    return holder if at == indent and type(holder) is list else None


def _mapping(stack: list[tuple[int, Any]], pending: _Pending | None, indent: int) -> dict[str, Any] | None:
    """What a key at `indent` belongs to; None where nothing there may have one."""
    if pending is not None and indent > pending.indent:
        opened: dict[str, Any] = {}
        pending.mapping[pending.key] = opened
        stack.append((indent, opened))
        return opened
    while stack[-1][0] > indent or (stack[-1][0] == indent and type(stack[-1][1]) is list):
        stack.pop()
    at, holder = stack[-1]
    return holder if at == indent else None


@functools.lru_cache(1 << 12)  # most lines are those of another document, too
def _line(text: str) -> _Line | None:
    """What a line says; None for what is not read here."""
    if _SKIPPED.fullmatch(text):
        return _NOTHING
    found = _LINE.fullmatch(text)
    if found is None:
        return None
    kind, key = found.lastgroup, found["key"] or ""
    indent, item = len(found["blanks"]), found["item"] is not None
    if kind in ("blanks", "item", "key") or key.lower() in _NO_TEXT or not (item or key):
        return None
    if kind == "none":
        return indent, item, key, None, True
    value: Any = found[kind or "text"]
    if kind == "number":
        value = int(value)
    elif kind in ("mapping", "sequence"):
        value = {} if kind == "mapping" else []
    elif kind == "text" and value.lower() in _NO_TEXT:
        if value not in _MEANT:
            return None
        value = _MEANT[value]
    return indent, item, key, value, False
