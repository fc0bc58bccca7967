"""Modes are those that are asked for, whoever called; files that the caller names follow their umask."""

from __future__ import annotations

import os

FIXED = 0o022
_callers = FIXED


def fix() -> None:
    """Set this process's umask.  To be called once."""
    global _callers
    _callers = os.umask(FIXED)


def callers() -> int:
    """What the umask was before: for files that the caller names, and for a copy of this program."""
    return _callers
