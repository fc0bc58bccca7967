"""PURE: the names in a compiled module that has no source beside it.

Which of them are imports says the bytecode, which is another one in each version; here each name counts
that may be a module's.  Source: Python/marshal.c.
"""

from __future__ import annotations

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT_TEXT = pattern(rb"[zZ\xfa\xda](?=[\x01-\xc8])")
"""TYPE_SHORT_ASCII and TYPE_SHORT_ASCII_INTERNED, with and without FLAG_REF; the length follows."""
NAME = pattern(rb"\.{0,3}[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
MOST = 20_000


def names(data: bytes) -> Iterator[str]:
    """Each once.  Whatever the bytes are."""
    seen = set()
    for found in SHORT_TEXT.finditer(data):
        at = found.end()
        text = data[at + 1 : at + 1 + data[at]]
        if text not in seen and NAME.fullmatch(text):
            seen.add(text)
            if len(seen) > MOST:
                return
            yield text.decode()
