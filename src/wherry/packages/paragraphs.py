"""PURE: records of fields, ``Name: value``, with an empty line between two of them."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Each record's fields, names as they are written, without lines that go on another."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif not line[0].isspace():
            name, colon, value = line.partition(":")
            if colon:
                fields.setdefault(name, value.strip())
    if fields:
        yield fields
