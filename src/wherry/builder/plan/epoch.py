"""PURE: the one time that a reproducible image shows.

Source: https://reproducible-builds.org/specs/source-date-epoch/; as BuildKit, it is given by the build
argument SOURCE_DATE_EPOCH, which `wherry build` takes from its environment too.
"""

from __future__ import annotations

from wherry.digits import whole
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EPOCH = "SOURCE_DATE_EPOCH"
CONTEXT = "context"
"""In its place: the time of the commit, or of the newest file, of a context that is fetched."""
LATEST = 253_402_300_799  # 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year


def parse(text: str) -> int | None:
    """Seconds since 1970; None for "", which is as if nothing had been said.  Raises UsageError."""
    if not text:
        return None
    seconds = whole(text, LATEST)
    if seconds is None:
        raise UsageError(
            f"invalid {EPOCH}: {text!r} is not a time in whole seconds since 1970, "
            "and names no stage or context",
            hint=f"{EPOCH}=$(git log -1 --pretty=%ct) is the time of the last commit",
        )
    return seconds


def newest(times: Iterable[str], otherwise: int) -> int:
    """The latest of the times at which images say that they were created (RFC 3339), in whole seconds.

    `otherwise` is the earliest that counts: some images say 1970, or the year 1, or nothing.
    """
    return max([otherwise, *(seconds for time in times if (seconds := _seconds(time)) is not None)])


def _seconds(text: str) -> int | None:
    import datetime

    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp())
