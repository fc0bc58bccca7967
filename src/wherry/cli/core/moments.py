"""Moments as people write them in ``--filter until=``."""

from __future__ import annotations

import time

from wherry.errors import UsageError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(text: str) -> float:
    """``24h`` (ago), seconds since 1970, or RFC 3339; in Unix seconds."""
    import datetime
    import re

    if re.fullmatch(r"(\d+(\.\d+)?[smhdw])+", text):
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
        return time.time() - sum(float(number) * UNITS[unit] for number, unit in parts)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        return datetime.datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UsageError(
            f"invalid time {text!r} in --filter until=", hint="a duration such as 24h"
        ) from None
