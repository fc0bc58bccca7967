"""PURE: a file that is one List of objects, as ``kubectl get -o`` writes it, to a text for each of them."""

from __future__ import annotations

import contextlib
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.proxy.sources import plain
from wherry.proxy.sources.documents import DEEPEST, checked_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ITEMS = re.compile(rb"(?:\A|\n)items:\n( *)- ")
BREAKS = (b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
"""What ends a line in YAML 1.1, beside a line feed."""
USUAL_ITEM, LARGEST_ITEM = 1 << 12, 1 << 21
"""Characters of an item in JSON; etcd takes no object that is larger."""
JSON_ITEMS = re.compile(r'\s*\{\s*(?:"[A-Za-z]+"\s*:\s*"[^"\\\x00-\x1f]*"\s*,\s*)*"items"\s*:\s*\[\s*')
JSON_COMMA = re.compile(r"\s*(?:,\s*(?!\])|(?=\]))")


class List(NamedTuple):
    """A text without its items, and each of these as a text of its own, with the number of lines above."""

    frame: Mapping[str, Any]
    items: Sequence[tuple[int, bytes]]


def of_yaml(text: bytes) -> List | None:
    """A document whose key ``items`` holds a list, where that can be read item by item.

    Each of the items means what it means in there, or is no YAML.  Raises documents.NotYaml for too many.
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
    checked_number(text.count(b"\n%b- " % found[1], start, end))
    begins = re.compile(rb"\n {%d}- " % column)
    bounds = [start, *(one.start() + 1 for one in begins.finditer(text, start, end)), end]
    above = text.count(b"\n", 0, start)
    items = []
    for one, following in pairwise(bounds):
        items.append((above, b" " * (column + 2) + text[one + column + 2 : following]))
        above += text.count(b"\n", one, following)
    return List(frame[1], items)


def of_json(data: bytes) -> List | None:
    """As of_yaml(); the items are objects of no more than LARGEST_ITEM characters."""
    import json

    with contextlib.suppress(ValueError, RecursionError):
        text = data.decode(json.detect_encoding(data), "surrogatepass")
        found = JSON_ITEMS.match(text)
        if found is None:
            return None
        start = at = counted = found.end()
        lines = text.count("\n", 0, start)
        items: list[tuple[int, bytes]] = []
        while not text.startswith("]", at):
            item = _object(text, at)
            items.append((lines, item.encode("utf-8", "surrogatepass")))
            checked_number(len(items))
            after = JSON_COMMA.match(text, at + len(item))
            if after is None:
                return None
            at = after.end()
            lines, counted = lines + text.count("\n", counted, at), at
        frame = json.loads(text[:start] + text[at:], object_pairs_hook=list)
        if [key for key, _ in frame].count("items") == 1:
            return List(dict(frame), items)
    return None


def _object(text: str, at: int) -> str:
    """The object there; raises ValueError where there is none.  What is cut off is none."""
    import json

    if not text.startswith("{", at):
        raise ValueError("it is no object")
    size = USUAL_ITEM
    while True:
        piece = text[at : at + size]
        try:
            return piece[: json.JSONDecoder().raw_decode(piece)[1]]
        except ValueError:
            if size >= LARGEST_ITEM or len(piece) < size:
                raise
            size *= 8
