"""PURE: what the graph decided, as a table of routes for nginx."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.graph.graph import PARTS, GraphBuilder
from wherry.proxy.model import Rejected, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.proxy.graph.claim import Claim, Part
    from wherry.proxy.graph.options import Options
    from wherry.proxy.resources.snapshot import Snapshot


class Table(NamedTuple):
    """All routes, oldest object first, each host and path once; and what is not served."""

    routes: tuple[Route, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class Router:
    """Builds tables, remembering what each object gave, so that one change among 10,000 costs little.

    No I/O and no clock; equal input gives an equal table whatever was built before.
    """

    def __init__(self, options: Options, parts: Sequence[Callable[[Options], Part]] = PARTS) -> None:
        self._graph = GraphBuilder(options, parts)
        self._routes: dict[Claim, Route] = {}

    def build(self, snapshot: Snapshot) -> Table:
        graph = self._graph.build(snapshot)
        before = self._routes
        self._routes = {claim: before.get(claim) or _route(claim) for claim in graph.claims}
        return Table(tuple(self._routes.values()), graph.rejected)


def _route(claim: Claim) -> Route:
    host, path = claim.where
    addresses, spare = claim.backend
    return Route(claim.name, host, path, addresses, claim.settings, spare)
