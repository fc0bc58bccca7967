"""Asking before something is removed."""

from __future__ import annotations

import os
import sys

from wherry.errors import UsageError


def sure(question: str) -> bool:
    """Raises UsageError where nobody is there to answer."""
    if os.environ.get("WHERRY_USERNS"):
        return True  # asked before we started again
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to confirm", hint="say it with --force")
    return input(question).strip().lower() in ("y", "yes")
