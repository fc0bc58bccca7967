"""PURE: values as Go prints them, which is how they stand in the history of images.

Source: the documentation of Go's package fmt (%q) and of time.Duration.
"""

from __future__ import annotations

import json
import sys

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def go_health(health: Mapping[str, Any]) -> str:
    """Go's %q of Docker's HealthcheckConfig, in which a number is a character."""
    times = ("Interval", "Timeout", "StartPeriod", "StartInterval")
    shown = " ".join(f'"{_go_duration(health.get(name, 0))}"' for name in times)
    return f"&{{{go_words(health['Test'])} {shown} {_go_character(health.get('Retries', 0))}}}"


def go_words(words: Sequence[str]) -> str:
    """Go's %q of a list."""
    return f"[{' '.join(json.dumps(word, ensure_ascii=False) for word in words)}]"


def _go_character(number: int) -> str:
    """Go's %q of a number."""
    named = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 39: "'", 92: "\\"}
    if number in named:
        return f"'\\{named[number]}'"
    if number > sys.maxunicode or 0xD800 <= number < 0xE000:
        return "'\ufffd'"
    if chr(number).isprintable():
        return f"'{chr(number)}'"
    return f"'\\x{number:02x}'" if number < 0x80 else f"'\\u{number:04x}'"


def _go_duration(nanoseconds: int) -> str:
    """``1h0m0s``, ``1.5s``, ``100ms``: Go's time.Duration."""
    if 0 < nanoseconds < 10**9:
        unit, size = next((u, s) for u, s in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if nanoseconds >= s)
        return f"{nanoseconds / size:g}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    seconds = f"{rest / 10**9:g}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
