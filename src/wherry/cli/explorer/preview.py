"""PURE: the beginning of a file, and a Dockerfile at a line, as lines that may be shown."""

from __future__ import annotations

from wherry.printable import printable

MOST = 1 << 14
"""Bytes of a file that are shown."""
WIDE = 16
"""Bytes of a line of those that are no text."""


def lines(data: bytes, size: int) -> list[str]:
    """Text as it is, other bytes as numbers; the last line says how many are left out."""
    rest = [f"… {size - len(data):,} more bytes"] if size > len(data) else []
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        cut = size > len(data) and error.start >= len(data) - 3  # in the middle of a character
        text = data[: error.start].decode("utf-8") if cut else ""
    if "\0" in text or (data and not text):
        return [*_numbers(data), *rest]
    return [*(printable(line.expandtabs(4)) for line in text.splitlines()), *rest]


def _numbers(data: bytes) -> list[str]:
    found = []
    for place in range(0, len(data), WIDE):
        row = data[place : place + WIDE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        found.append(f"{place:08x}  {row.hex(' '):<{3 * WIDE}} {text}")
    return found


def numbered(text: str, first: int, last: int) -> list[tuple[str, bool]]:
    """A Dockerfile's lines with their numbers, and whether each is of the instruction at these lines."""
    return [
        (f"{number:>4}  {printable(line.expandtabs(4))}", first <= number <= last)
        for number, line in enumerate(text.splitlines(), 1)
    ]
