"""A Kubernetes cluster as the command line names it."""

from __future__ import annotations

import re

from wherry.cli.core.flags import Flag
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.cli.core.flags import Options
    from wherry.proxy.sources.cluster import Cluster

CLUSTER_FLAGS = (
    Flag("cluster", "bool", "Follow the Services of a Kubernetes cluster"),
    Flag("kubeconfig", "string", "Which kubeconfig (default: kubectl's, or the pod's own)", metavar="FILE"),
    Flag("context", "string", "Which of its contexts", metavar="NAME"),
    Flag("namespace", "list", "Which namespace (repeat for more)", short="n", metavar="NAME"),
    Flag("all-namespaces", "bool", "All namespaces", short="A"),
    Flag(
        "selector",
        "string",
        "Which labels, as kubectl: app=web,tier in (a,b),!old",
        short="l",
        metavar="LABELS",
    ),
)


def requested(options: Options) -> bool:
    """Whether any flag speaks of a cluster."""
    return any(
        options.strings(f.name) if f.kind == "list" else options.string(f.name) not in (None, "False")
        for f in CLUSTER_FLAGS
    )


def cluster(options: Options) -> Cluster:
    """Access is looked for here and now; nothing is asked of the server yet.  Raises ClusterError."""
    from wherry.cli.proxy.say import say
    from wherry.kube.access import Finder
    from wherry.kube.client import Client
    from wherry.kube.reflector import Policy
    from wherry.proxy.sources.cluster import Cluster

    selector, namespaces = checked_selector(options), checked_namespaces(options)
    policy = Policy()
    finder = Finder(options.string("kubeconfig"), options.string("context"), options.runtime.env)
    client = Client(finder, policy)
    return Cluster(client, namespaces or (client.namespace,), selector, say, policy)


def checked_selector(options: Options) -> str:
    from wherry.kube.selector import BadSelector, parse

    text = options.string("selector") or ""
    try:
        parse(text)
    except BadSelector as bad:
        raise UsageError(
            f"--selector: {bad}",
            hint="as kubectl: app=web, app!=web, tier in (a,b), tier notin (a,b), app, !app",
        ) from None
    return text


def checked_namespaces(options: Options) -> tuple[str, ...]:
    """("",) for all, () where nothing was said."""
    names = tuple(dict.fromkeys(options.strings("namespace")))
    if options.flag("all-namespaces"):
        if names:
            raise UsageError("--namespace and --all-namespaces exclude each other")
        return ("",)
    for name in names:
        check_namespace("--namespace", name)
    return names


def check_namespace(flag: str, name: str) -> None:
    if not re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise UsageError(f"{flag}: {name!r} is not a namespace's name")
