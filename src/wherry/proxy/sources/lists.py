"""PURE: a file that is one List of objects, as ``kubectl get -o`` writes it, to a text for each of them."""

from __future__ import annotations

import contextlib
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.proxy.sources import plain
from wherry.proxy.sources.documents import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ITEMS = re.compile(rb"(?:\A|\n)items:\n( *)- ")
BREAKS = (b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
"""What ends a line in YAML 1.1, beside a line feed."""
JSON_ITEMS = re.compile(r'\s*\{\s*(?:"[A-Za-z]+"\s*:\s*"[^"\\\x00-\x1f]*"\s*,\s*)*"items"\s*:\s*\[\s*')
JSON_COMMA = re.compile(r"\s*(?:,\s*(?!\])|(?=\]))")


class List(NamedTuple):
    """A text without its items, and each of these as a text of its own, with the number of lines above."""

    frame: Mapping[str, Any]
    items: Sequence[tuple[int, bytes]]


def of_yaml(text: bytes) -> List | None:
    """A document whose key ``items`` holds a list, where that can be read item by item.

    Each of the items means what it means in there, or is no YAML.
    """
    found = ITEMS.search(text) if b"items:\n" in text else None
    if found is None or any(map(text.__contains__, BREAKS)):
        return None
    start, column = found.start(1), len(found[1])
    after = re.compile(rb"\n(?! {%d}- | {%d}| *(?:#|\n|\Z))" % (column, column + 1)).search(text, start)
    end = after.start() + 1 if after else len(text)
    frame = plain.read(text[:start] + text[end:], DEEPEST)
    if frame is None or frame[1].get("items") is not None:
        return None
    begins = re.compile(rb"\n {%d}- " % column)
    bounds = [start, *(one.start() + 1 for one in begins.finditer(text, start, end)), end]
    above = text.count(b"\n", 0, start)
    items = []
    for one, following in pairwise(bounds):
        items.append((above, b" " * (column + 2) + text[one + column + 2 : following]))
        above += text.count(b"\n", one, following)
    return List(frame[1], items)


def of_json(data: bytes) -> List | None:
    """As of_yaml()."""
    import json

    with contextlib.suppress(ValueError, RecursionError):
        text = data.decode(json.detect_encoding(data), "surrogatepass")
        found = JSON_ITEMS.match(text)
        if found is None:
            return None
        scan, at, lines, counted = json.JSONDecoder().raw_decode, found.end(), 0, 0
        items = []
        while not text.startswith("]", at):
            end = scan(text, at)[1]
            lines, counted = lines + text.count("\n", counted, at), at
            items.append((lines, text[at:end].encode("utf-8", "surrogatepass")))
            after = JSON_COMMA.match(text, end)
            if after is None:
                return None
            at = after.end()
        frame = json.loads(text[: found.end()] + text[at:], object_pairs_hook=list)
        if [key for key, _ in frame].count("items") == 1:
            return List(dict(frame), items)
    return None
