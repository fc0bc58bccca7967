"""PURE: the kinds that routing follows.

A row is all that a source, the pod's manifests and the documentation need to know of a kind: what is listed
and watched, what a folder's files may hold, what RBAC has to allow.  What a kind means for routes is
`wherry.proxy.graph`'s to say.
"""

from __future__ import annotations

from posixpath import commonprefix
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES, SERVICE_NAME_LABEL
from wherry.proxy.resources.service import SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.kube.resource import Resource


class Followed(NamedTuple):
    """One kind: `about` says for people what it is followed for.

    `labels` selects which of its objects, None: those of ``--selector``.  `verbs` is what the generator
    does with them, `status` what it does with their status.
    """

    resource: Resource[Any]
    about: str
    labels: str | None = None
    verbs: tuple[str, ...] = ("list", "watch")
    status: tuple[str, ...] = ()


FOLLOWED = (
    Followed(SERVICES, "which hosts and paths (annotations), ports, the ClusterIP"),
    Followed(ENDPOINT_SLICES, "which pods of a Service are ready, and where", labels=SERVICE_NAME_LABEL),
)


def rules(followed: Sequence[Followed], *, namespaced: bool | None = None) -> list[dict[str, Any]]:
    """The PolicyRules of a (Cluster)Role; `namespaced` True or False: of kinds that are, or are not."""
    return [
        {"apiGroups": [row.resource.group], "resources": [name], "verbs": list(verbs)}
        for row in followed
        if namespaced in (None, row.resource.namespaced)
        for name, verbs in ((row.resource.name, row.verbs), (f"{row.resource.name}/status", row.status))
        if verbs
    ]


def kinds(followed: Sequence[Followed]) -> str:
    """Their names in a sentence: "Services and EndpointSlices"."""
    *first, last = (_plural(row.resource) for row in followed)
    return f"{', '.join(first)} and {last}" if first else last


def _plural(resource: Resource[Any]) -> str:
    """As the kind is written: "ingresses" of an Ingress are "Ingresses"."""
    same = len(commonprefix((resource.kind.lower(), resource.name)))
    return resource.kind[:same] + resource.name[same:]


def documentation(followed: Sequence[Followed]) -> str:
    """The table of docs/proxy.md, in Markdown."""
    lines = ["| kind | API | selected by | rights | says |", "|---|---|---|---|---|"]
    for row in followed:
        where = f"{row.resource.group or 'core'}/{row.resource.version}"
        labels = "--selector" if row.labels is None else row.labels
        cells = (
            row.resource.kind,
            where,
            f"`{labels}`" if labels else "all",
            ", ".join(row.verbs) + (f"; status: {', '.join(row.status)}" if row.status else ""),
            row.about,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
