"""PURE: values as Go prints them, which is how they stand in the history of images.

Source: the documentation of Go's package fmt (%q, %+v) and of time.Duration.
"""

from __future__ import annotations

from wherry import jsontext as json
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def go_health(health: Mapping[str, Any]) -> str:
    """Go's %+v of Docker's HealthcheckConfig."""
    times = ("Interval", "Timeout", "StartPeriod", "StartInterval")
    shown = " ".join(f"{name}:{_go_duration(health.get(name, 0))}" for name in times)
    return f"{{Test:[{' '.join(health['Test'])}] {shown} Retries:{health.get('Retries', 0)}}}"


def go_words(words: Sequence[str]) -> str:
    """Go's %q of a list."""
    return f"[{' '.join(json.dumps(word, ensure_ascii=False) for word in words)}]"


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
