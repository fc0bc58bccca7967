"""PURE: everything that a source knows at one moment, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wherry.kube.resource import Resource
    from wherry.proxy.model import Rejected

T = TypeVar("T")


class Snapshot(NamedTuple):
    """Not a difference.  `objects` holds what each kind's projection made; ask it with of().

    A source that follows EndpointSlices gives them always, with or without ``--endpoints``: a Service whose
    slices hold no ready address is answered with 503 either way, and a headless one has nothing else.
    `urgent`: what is new since the last one lets requests be answered that could not be.
    """

    objects: Mapping[Resource[Any], Sequence[Any]] = {}
    rejected: Sequence[Rejected] = ()
    urgent: bool = False

    def of(self, resource: Resource[T]) -> Sequence[T]:
        return self.objects.get(resource, ())


def joined(snapshots: Iterable[Snapshot]) -> Snapshot:
    """What several sources know, in their order; of several that are urgent, one is enough."""
    objects: dict[Resource[Any], list[Any]] = {}
    rejected: list[Rejected] = []
    urgent = False
    for snapshot in snapshots:
        for resource, values in snapshot.objects.items():
            objects.setdefault(resource, []).extend(values)
        rejected += snapshot.rejected
        urgent = urgent or snapshot.urgent
    return Snapshot(objects, rejected, urgent)
