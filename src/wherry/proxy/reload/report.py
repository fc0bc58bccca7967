"""PURE: what became of a reload, in words for a log."""

from __future__ import annotations

import datetime

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.proxy.reload.transaction import Outcome


def stamp(when: float) -> str:
    """A Unix time with seconds and the zone of this machine (RFC 3339): ``2016-11-17T14:07:09+01:00``."""
    moment = datetime.datetime.fromtimestamp(when, datetime.UTC).astimezone()
    return moment.isoformat(timespec="seconds")


def detected(when: float) -> str:
    """The line that the article's reloader logged, to the letter."""
    moment = datetime.datetime.fromtimestamp(when, datetime.UTC).astimezone()
    return f"{moment:At %H:%M on %d/%m/%y}, config file update detected."


def words(outcome: Outcome, subject: str = "") -> str:
    """One line for one outcome; `subject` says what is served ("12 routes")."""
    what = f" {subject}," if subject else ""
    if outcome.kind == "unchanged":
        return "nothing changed: no reload"
    if outcome.kind == "refused":
        return f"refused by nginx -t, generation {outcome.generation} stays: {outcome.message}"
    if outcome.kind == "unproved":
        return f"not proved, the configuration before stays: {outcome.message}"
    quarantined = f", {len(outcome.quarantined)} set aside" if outcome.quarantined else ""
    took = (
        f"validated in {outcome.validating * 1000:.0f} ms, answered after {outcome.reloading * 1000:.0f} ms"
    )
    return f"{outcome.kind}: generation {outcome.generation},{what} {took}{quarantined}"
