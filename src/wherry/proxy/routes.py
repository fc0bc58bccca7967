"""PURE: what the graph decided, as a table of routes for nginx."""

from __future__ import annotations

from wherry.proxy.graph.graph import PARTS, GraphBuilder
from wherry.proxy.model import Route, Table
from wherry.proxy.settling import Settling
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.proxy.graph.claim import Claim, Part
    from wherry.proxy.graph.options import Options
    from wherry.proxy.resources.snapshot import Snapshot


class Router:
    """Builds tables, remembering what each object gave, so that one change among 10,000 costs little.

    No I/O, and the caller brings the clock.  Equal input gives an equal table whatever was built before,
    but for addresses that settle (Options.settle).
    """

    def __init__(self, options: Options, parts: Sequence[Callable[[Options], Part]] = PARTS) -> None:
        self._graph = GraphBuilder(options, parts)
        self._routes: dict[Claim, Route] = {}
        self._direct: dict[Claim, Route] = {}  # of addresses that settle: to the pods
        self._settling = Settling(options.settle)

    def build(self, snapshot: Snapshot, now: float = 0.0) -> Table:
        """`now` is in seconds, monotonic."""
        graph = self._graph.build(snapshot)
        before, direct = self._routes, self._direct
        self._routes = {claim: before.get(claim) or _route(claim) for claim in graph.claims}
        new = self._settling.new((c.backend.spare for c in graph.claims if c.backend.pods), now)
        self._direct = {
            claim: direct.get(claim) or route._replace(addresses=claim.backend.pods)
            for claim, route in (self._routes.items() if new else ())
            if claim.backend.spare in new
        }
        return Table(tuple({**self._routes, **self._direct}.values()), graph.rejected)

    def due(self) -> float | None:
        """When the same objects make another table than the last; None: they never do."""
        return self._settling.due()


def _route(claim: Claim) -> Route:
    host, path = claim.where
    addresses, spare, _ = claim.backend
    return Route(claim.name, host, path, addresses, claim.settings, spare)


def only_unanswerable(before: Table, now: Table) -> bool:
    """Whether all that is different are routes that are new and that nothing could answer (503)."""
    known = set(map(id, before.routes))
    new = [route for route in now.routes if id(route) not in known]
    more = len(now.routes) - len(before.routes)
    return more == len(new) > 0 and not any(route.addresses for route in new)
