"""Asking before something is removed."""

from __future__ import annotations

import sys

from wherry.errors import UsageError


def sure(question: str) -> bool:
    """Raises UsageError where nobody is there to answer."""
    if not sys.stdin.isatty():
        raise UsageError(
            "cannot ask for confirmation: standard input is not a terminal", hint="use --force"
        )
    return input(question).strip().lower() in ("y", "yes")
