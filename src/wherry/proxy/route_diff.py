"""PURE: what is different about what is served, in lines for people."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.proxy.model import Rejected, Route, Table

MOST_LINES = 20
"""Changes that are named one by one."""


class RouteDiff:
    """Remembers what it reported; names what came (+), changed (~), went (-) and is not served (!)."""

    def __init__(self) -> None:
        self._served: dict[tuple[str, str], Route] = {}
        self._reported: frozenset[Rejected] = frozenset()

    def lines(self, table: Table, quarantined: Sequence[Rejected] = ()) -> list[str]:
        """What is different from the last call; `quarantined` is what nginx refused of the table."""
        left_out = {r.name for r in quarantined}
        now = {(r.host, r.path): r for r in table.routes if r.name not in left_out}
        problems = (*table.rejected, *quarantined)
        found = [f"  - {host}{path}" for host, path in self._served if (host, path) not in now]
        found += self._of_routes(now)
        found += [f"  ! {r.name}: {r.message} ({r.reason})" for r in problems if r not in self._reported]
        self._served, self._reported = now, frozenset(problems)
        if len(found) > MOST_LINES:
            found[MOST_LINES:] = [f"  ... and {len(found) - MOST_LINES} more"]
        return found

    def _of_routes(self, now: dict[tuple[str, str], Route]) -> Iterator[str]:
        for key, route in now.items():
            before = self._served.get(key)
            if before != route:
                where = ", ".join(route.addresses) or "503, no endpoint is ready"
                yield f"  {'~' if before else '+'} {route.host}{route.path} -> {where} ({route.name})"
