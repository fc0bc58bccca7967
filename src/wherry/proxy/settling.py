"""PURE: addresses that are new, and lead nowhere until others know them.  The caller brings the clock.

kube-proxy programs a ClusterIP up to a second after its pods are ready, longer where there are many
Services; until then a connection to it is refused, or nobody answers at all.
"""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Settling:
    """Remembers since when each address is there; for `seconds` it is new, 0: it never is.

    What is there at the first look is old: nobody knows since when.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, float] | None = None
        self._due: float | None = None

    def new(self, addresses: Iterable[str], now: float) -> frozenset[str]:
        """Those of all `addresses` that are new `now` (seconds, monotonic)."""
        if not self._seconds:
            return frozenset()
        before, otherwise = (self._since, now) if self._since is not None else ({}, float("-inf"))
        self._since = {address: before.get(address, otherwise) for address in addresses}
        found = {a: since for a, since in self._since.items() if now - since < self._seconds}
        self._due = max(found.values()) + self._seconds if found else None
        return frozenset(found)

    def due(self) -> float | None:
        """When the last of those that were new at the last look is not any more; None: there was none."""
        return self._due
