"""PURE: what is different about what is served, in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.proxy.model import Rejected, Route
    from wherry.proxy.routes import Table

MOST_LINES = 20
"""Changes that are named one by one."""


class News:
    """Remembers what was told; names what came (+), changed (~), went (-) and is not served (!)."""

    def __init__(self) -> None:
        self._served: dict[tuple[str, str], Route] = {}
        self._told: frozenset[Rejected] = frozenset()

    def tell(self, table: Table, aside: Sequence[Rejected] = ()) -> list[str]:
        """Lines for what is different from the last call; `aside` is what nginx refused of the table."""
        away = {r.name for r in aside}
        now = {(r.host, r.path): r for r in table.routes if r.name not in away}
        problems = (*table.rejected, *aside)
        lines = [f"  - {host}{path}" for host, path in self._served if (host, path) not in now]
        lines += self._of_routes(now)
        lines += [f"  ! {r.name}: {r.message} ({r.reason})" for r in problems if r not in self._told]
        self._served, self._told = now, frozenset(problems)
        if len(lines) > MOST_LINES:
            lines[MOST_LINES:] = [f"  ... and {len(lines) - MOST_LINES} more"]
        return lines

    def _of_routes(self, now: dict[tuple[str, str], Route]) -> Iterator[str]:
        for key, route in now.items():
            before = self._served.get(key)
            if before != route:
                where = ", ".join(route.addresses) or "503, no endpoint is ready"
                yield f"  {'~' if before else '+'} {route.host}{route.path} -> {where} ({route.name})"
