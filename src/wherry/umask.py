"""Modes are those that are asked for, whoever called; files that the caller names follow their umask."""

from __future__ import annotations

import os

FIXED = 0o022
_callers: int | None = None


def fix() -> None:
    """Set this process's umask.  To be called once."""
    global _callers
    _callers = os.umask(FIXED)


def callers() -> int:
    """The umask before fix(): for files that the caller names, and for a copy of this program."""
    if _callers is not None:
        return _callers
    now = os.umask(FIXED)
    os.umask(now)
    return now
