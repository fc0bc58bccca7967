"""PURE: sizes in bytes, as people write and read them."""

from __future__ import annotations

from wherry.digits import scaled

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def human_size(size: float) -> str:
    """Decimal, three significant digits: ``6.14MB`` (docker/go-units HumanSize with precision 3)."""
    unit = 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.3g}{UNITS[unit]}" if size < 999.5 else f"{size:.0f}{UNITS[unit]}"


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
