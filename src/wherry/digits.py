"""PURE: whole numbers that come from elsewhere, within bounds.

``int()`` takes signs, spaces, underscores and other scripts' digits, and raises for more than 4,300 of
them; ``float()`` gives an infinity for what is too large.
"""

from __future__ import annotations

LARGEST = (1 << 63) - 1
"""What Go's int64 holds."""


def whole(text: str, most: int = LARGEST) -> int | None:
    """The number that decimal digits write; None where they write none, or more than `most`."""
    if not (text.isascii() and text.isdigit()):
        return None
    digits = text.lstrip("0") or "0"
    return number if len(digits) <= len(str(most)) and (number := int(digits)) <= most else None


def scaled(text: str, factor: int) -> int:
    """A number that a pattern has found, as ``1.5``, times `factor`: at most LARGEST."""
    value = float(text) * factor
    return LARGEST if value >= LARGEST else int(value)
