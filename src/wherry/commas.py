"""PURE: what stands between commas on a command line, as in CSV."""

from __future__ import annotations

from wherry.errors import UsageError


def separated(text: str, flag: str) -> list[str]:
    """``a,"b,c"`` is ``a`` and ``b,c``.  Raises UsageError, which names the flag."""
    import csv

    try:
        return next(csv.reader([text]), [])
    except csv.Error as error:
        raise UsageError(f"{text!r} for {flag}: {error}", hint="fields are separated by commas") from None
