"""PURE: times as images and containers show them (RFC 3339, UTC)."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timezone
else:
    try:  # without `datetime`'s own classes, which these replace
        from _datetime import datetime, timezone
    except ImportError:  # the name is private, and another Python may not have it
        from datetime import datetime, timezone


def rfc3339(seconds: float) -> str:
    """A time in seconds since 1970 with its microseconds, as Docker writes the time of a build."""
    return _utc(seconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rfc3339_seconds(seconds: float) -> str:
    """The same without fractions, as Go writes a time that has none."""
    return _utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)  # noqa: UP017 - not in the inner module
