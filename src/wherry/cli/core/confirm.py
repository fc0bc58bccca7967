"""Asking before something is removed."""

from __future__ import annotations

import sys

from wherry.errors import UsageError


def sure(question: str) -> bool:
    """Raises UsageError where nobody is there to answer."""
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to confirm", hint="say it with --force")
    return input(question).strip().lower() in ("y", "yes")
