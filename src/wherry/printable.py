r"""PURE: text from outside as it may be shown: nothing in it moves the cursor, colours or turns text.

Control characters (C0, DEL, C1), those that change a text's direction, and what is no character at all are
written ``\u001b``: JSON takes that for the same string, so JSON stays JSON.
"""

from __future__ import annotations

# Not printable for Python, but letters' own: spaces of other scripts, and the joiners that Persian and
# emoji need.
HARMLESS = frozenset((*"\u00a0\u1680\u202f\u205f\u3000\u200c\u200d", *map(chr, range(0x2000, 0x200B))))

GO_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}


def printable(text: str, keep: str = "") -> str:
    """`text` with what is not to be shown escaped, but for the characters of `keep`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in HARMLESS or char in keep else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    number = ord(char)
    if number < 0x10000:
        return f"\\u{number:04x}"
    # As in JSON: two halves.
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def width(text: str) -> int:
    """Columns on a terminal (Unicode Standard Annex 11)."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(char) or char in "\u200c\u200d" else
        2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )  # fmt: skip


def go_quoted(text: str) -> str:
    """Go's strconv.Quote, by which docker quotes."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(map(_go_escaped, shown))}"'


def _go_escaped(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code in GO_ESCAPES:
        return GO_ESCAPES[code]
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
