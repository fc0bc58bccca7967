"""PURE: when to act on a stream of changes.  The caller brings the clock (seconds, monotonic)."""

from __future__ import annotations

BURST, RATE = 16.0, 4.0
"""Urgent changes that act at once, and how many more a second: fewer than draining generations bear."""


class Debounce:
    """The first change acts at once; later ones after `window` seconds of quiet, at most `longest`.

    An urgent one acts at once, with all that came before it, unless there are too many of them.  While an
    action runs, changes gather and count from when they came.
    """

    def __init__(self, window: float, longest: float) -> None:
        self._window = window
        self._longest = longest
        self._acted = float("-inf")
        self._first: float | None = None
        self._last = 0.0
        self._urgent = False
        self._budget = BURST
        self._counted = 0.0

    def changed(self, now: float, *, urgent: bool = False) -> None:
        if urgent:
            self._budget = min(BURST, self._budget + (now - self._counted) * RATE)
            self._counted = now
            self._urgent = self._urgent or self._budget >= 1
        if self._first is None:
            self._first = now
        self._last = now

    def due(self) -> float | None:
        """When to act: a time that may have passed already, or None while there is nothing to do."""
        if self._first is None:
            return None
        if self._urgent or self._first - self._acted >= self._window:
            return self._first
        return min(self._last + self._window, self._first + self._longest)

    def acted(self, now: float) -> None:
        """Call it when the action begins: what changes from here on is another round."""
        self._acted = now
        self._first = None
        self._budget -= self._urgent
        self._urgent = False
