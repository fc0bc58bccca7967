"""PURE: numbers that come from elsewhere, within bounds.

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


SIZES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4, "k": 1000, "m": 1000**2,
         "g": 1000**3, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}  # fmt: skip


def size(text: str) -> int | None:
    """Bytes, as ``512``, ``20MB`` or ``1.5 GiB`` write them (decimal but for the units with an i), at most
    LARGEST; None for what writes none."""
    lower = text.lower()
    number = lower.rstrip("bgikmt")
    value, dot, fraction = number.rstrip().partition(".")
    parts = (value, fraction) if dot else (value,)
    unit = lower[len(number) :]
    if unit not in SIZES or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return scaled(number, SIZES[unit])
