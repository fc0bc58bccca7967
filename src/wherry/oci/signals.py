"""PURE: signals by their names, as STOPSIGNAL and `kill --signal` take them."""

from __future__ import annotations

import signal

from wherry.digits import whole
from wherry.errors import UsageError
from wherry.pattern import pattern

# As the kernel counts them.  The C library keeps the first two of the real-time ones to itself.
LAST, RTMIN, RTMAX = 64, 34, 64
REAL_TIME = pattern(r"SIGRT(?:MIN\+([0-9]{1,2})|MAX-([0-9]{1,2}))")


def parse_signal(text: str) -> int:
    """``9``, ``KILL``, ``SIGKILL``, ``sigkill``, ``RTMIN+3``.  Raises UsageError."""
    number = whole(text, LAST)
    if number:
        return number
    name = text.upper()
    name = name if name.startswith("SIG") else "SIG" + name
    if name in signal.Signals.__members__:
        return int(signal.Signals[name])
    real_time = REAL_TIME.fullmatch(name)
    if real_time is not None:
        up, down = real_time.groups()
        number = RTMIN + int(up) if up else RTMAX - int(down)
        if RTMIN <= number <= RTMAX:
            return number
    raise UsageError(f"Invalid signal: {text}", hint="a number or a name such as SIGTERM")
