"""PURE: secrets taken out of a stream, wherever it is cut.

A step that prints its secret by mistake (``set -x``, a tool's error message) does not put it on the screen
and into the log.  Only the value as it is: what a step encodes or splits is its own affair.
"""

from __future__ import annotations

import re

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = b"***"
SHORTEST = 4
"""Bytes.  Shorter ones are in ordinary words; hiding them there would tell what they are."""
SHORTEST_LINE = 12
"""Bytes of a line of a longer secret, such as a key: it may be printed line by line."""


class Redactor:
    """feed() gives what may be shown already, flush() the rest."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._needles = sorted(_needles(secrets), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._needles))) if self._needles else None
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        if self._pattern is None:
            return data
        text = self._pattern.sub(MASK, self._held + data)
        self._held = self._open_end(text)
        return text[: len(text) - len(self._held)]

    def flush(self) -> bytes:
        held, self._held = self._held, b""
        return held

    def _open_end(self, text: bytes) -> bytes:
        """The longest end of a text that may be the beginning of a secret, which the stream has cut."""
        ends = (
            text[-size:]
            for needle in self._needles
            for size in range(min(len(needle) - 1, len(text)), 0, -1)
            if needle.startswith(text[-size:])
        )
        return max(ends, key=len, default=b"")


def _needles(secrets: Iterable[bytes]) -> set[bytes]:
    found = set()
    for secret in secrets:
        lines = secret.splitlines()
        if len(lines) == 1 and len(lines[0]) >= SHORTEST:
            found.add(lines[0])
        elif len(lines) > 1:
            found.update(line for line in lines if len(line) >= SHORTEST_LINE)
    return found
