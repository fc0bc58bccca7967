"""PURE: when to act on a stream of changes.  The caller brings the clock (seconds, monotonic)."""

from __future__ import annotations


class Debounce:
    """The first change acts at once; later ones after `window` seconds of quiet, at most `longest`.

    While an action runs, changes gather and count from when they came.
    """

    def __init__(self, window: float, longest: float) -> None:
        self._window = window
        self._longest = longest
        self._acted = float("-inf")
        self._first: float | None = None
        self._last = 0.0

    def changed(self, now: float) -> None:
        if self._first is None:
            self._first = now
        self._last = now

    def due(self) -> float | None:
        """When to act: a time that may have passed already, or None while there is nothing to do."""
        if self._first is None:
            return None
        if self._first - self._acted >= self._window:
            return self._first
        return min(self._last + self._window, self._first + self._longest)

    def acted(self, now: float) -> None:
        """Call it when the action begins: what changes from here on is another round."""
        self._acted = now
        self._first = None
