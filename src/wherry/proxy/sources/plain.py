"""PURE: YAML as nearly all manifests are written, read four times as fast as by libyaml and PyYAML.

Block mappings and sequences, a key or an item on each line, with values that mean what they say: words,
decimal numbers, true, false and null, texts in quotes without escapes, {} and [].  Of any other text read()
says nothing, and of none anything else than YAML 1.1 does: a test asks both.  Nor is a key there twice.
"""

from __future__ import annotations

import functools
import re
from typing import Any

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


_NOTHING: _Line = (-1, False, "", None, False)


def read(text: bytes, deepest: int) -> tuple[int, dict[str, Any]] | None:
    """A document's first line (1-based) and its mapping, of no more than `deepest` levels.

    None for whatever is written in another way, be it YAML or not.
    """
    if not text.isascii():
        return None
    first = 0
    root: dict[str, Any] = {}
    outer: list[tuple[int, Any]] = []  # what is open around `holder`, each with its column
    holder: Any = None
    column, waiting = -1, ""  # its column, and its key whose value may be on the next line
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
            first, column, holder = number, indent, root
        if waiting and (indent > column or (item and indent == column)):
            holder[waiting] = [] if item else {}
            outer.append((column, holder))
            column, holder = indent, holder[waiting]
        while column > indent or (column == indent and not item and type(holder) is list):
            if not outer:
                return None
            column, holder = outer.pop()
        if column != indent or (type(holder) is list) is not item:
            return None
        waiting = key if is_open else ""
        if item:
            holder.append({key: value} if key else value)
            if key:
                outer.append((column, holder))
                column, holder = indent + 2, holder[-1]
        elif key in holder:
            return None
        else:
            holder[key] = value
        if len(outer) >= deepest:
            return None
    return (first, root) if first else None


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
