"""PURE: who wins where two want the same host and path.

The older object wins (creationTimestamp; one without counts as newest), ties by namespace and name; the
loser is reported.  What a folder holds is as old there as its file (sources.directory).
"""

from __future__ import annotations

import heapq

from wherry.proxy.graph.claim import Graph
from wherry.proxy.graph.services import Services
from wherry.proxy.model import Rejected
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wherry.proxy.graph.claim import Age, Claim, Node, Part
    from wherry.proxy.graph.options import Options
    from wherry.proxy.model import Settings
    from wherry.proxy.resources.snapshot import Snapshot

MOST_SETTINGS = 200
"""Each set of timeouts and sizes costs a location block, and nobody shall make the others' reload slow."""

PARTS: tuple[Callable[[Options], Part], ...] = (Services,)
"""A part for each kind whose objects claim requests."""


class GraphBuilder:
    """Builds graphs; no I/O and no clock: the same wins and loses, whatever was built before."""

    def __init__(self, options: Options, parts: Sequence[Callable[[Options], Part]] = PARTS) -> None:
        self._parts = [part(options) for part in parts]

    def build(self, snapshot: Snapshot) -> Graph:
        of_parts = [part.nodes(snapshot) for part in self._parts]
        nodes = of_parts[0] if len(of_parts) == 1 else heapq.merge(*of_parts, key=_age)
        return _settled(nodes, list(snapshot.rejected))


def _age(node: Node) -> Age:
    return node.age


def _settled(nodes: Iterable[Node], rejected: list[Rejected]) -> Graph:
    """The first to claim a host and path has it."""
    winners: dict[tuple[str, str], Claim] = {}
    known: set[Settings] = set()
    last: Settings | None = None  # mostly the next one's, too, and to hash it costs more than all the rest
    for node in nodes:
        if node.rejected:
            rejected += node.rejected
        for claim in node.claims:
            where = claim.where
            first = winners.setdefault(where, claim)
            if first is not claim:
                message = f"{''.join(where)} belongs to {first.name}, which came first"
                rejected.append(Rejected(claim.name, "host-taken", message))
            elif claim.settings is last or claim.settings in known or len(known) < MOST_SETTINGS:
                if claim.settings is not last:
                    last = claim.settings
                    known.add(last)
            else:
                del winners[where]
                message = f"there are {MOST_SETTINGS} different sets of timeouts and sizes already"
                rejected.append(Rejected(claim.name, "too-many-settings", message))
    return Graph(tuple(winners.values()), tuple(rejected))
