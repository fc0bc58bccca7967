"""PURE: records of fields, ``Name: value``, with an empty line between two of them."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def blocks(data: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Each record's fields, and its own bytes, which end with an end of line."""
    for text in data.replace(b"\r\n", b"\n").split(b"\n\n"):
        block = text.strip(b"\n") + b"\n"
        for fields in paragraphs(block.decode("utf-8", "replace")):
            yield fields, block


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
