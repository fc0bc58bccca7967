"""PURE: sizes and times in Docker's words."""

from __future__ import annotations

import datetime

from wherry.sizes import human_size as human_size


def human_duration(seconds: float) -> str:
    """``2 minutes``, ``About an hour`` (docker/go-units HumanDuration)."""
    whole = int(seconds)
    minutes, hours = whole // 60, round(seconds / 3600)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{hours // 24 // 365} years"


ZERO_TIME = -62135596800.0
"""Go's zero time, which Docker writes where none is known: the first of January of the year 1."""


def ago(then: float, now: float) -> str:
    return human_duration(max(0, now - then)) + " ago"


def since(text: str, now: float) -> str:
    """How long ago RFC 3339 text was; N/A where it tells no time, or Docker's zero time."""
    then = _seconds(text)
    return ago(then, now) if then is not None and then > ZERO_TIME else "N/A"


def parse_time(text: str) -> float:
    """RFC 3339 in Unix seconds; 0 for text that is no time (a damaged config)."""
    return _seconds(text) or 0


def _seconds(text: str) -> float | None:
    try:
        # fromisoformat takes at most six digits of a second's fraction; Docker writes nine.
        head, dot, tail = text.partition(".")
        if dot:
            digits = len(tail) - len(tail.lstrip("0123456789"))
            text = f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
        return datetime.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def docker_time(seconds: float) -> str:
    """``2026-11-24 05:00:00 +0000 UTC``, as --format prints a CreatedAt."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
