"""``wherry proxy manifests``: what ``kubectl apply`` needs for the nginx pod."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.proxy.cluster import check_namespace, checked_namespaces, checked_selector
from wherry.errors import ClusterError, NotFoundError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.kube.client import Client
    from wherry.proxy.pod import PodOptions

EXPOSED = "wherry.dev/expose=true"
"""A Service is not published because it exists: somebody has to say so."""

COMMAND = Command(
    "proxy manifests",
    "[OPTIONS]",
    (
        Flag("image", "string", "The image with wherry and nginx in it", metavar="REF"),
        Flag("into", "string", "The pod's own namespace", metavar="NAME", default="wherry"),
        Flag("replicas", "int", "How many pods", metavar="N", default=2),
        Flag(
            "service-type",
            "string",
            "How the pods are reached",
            choices=("ClusterIP", "NodePort", "LoadBalancer"),
            default="LoadBalancer",
        ),
        Flag("host-network", "bool", "Listen at the nodes' own addresses, on port 8080"),
        Flag(
            "namespace", "list", "Follow this namespace only (repeat for more)", short="n", metavar="NAME"
        ),
        Flag("all-namespaces", "bool", "Follow all namespaces (the default)", short="A"),
        Flag("selector", "string", "Follow these Services", short="l", metavar="LABELS", default=EXPOSED),
        Flag(
            "domain", "string", "What ends the default host <service>.<namespace>.<domain>", metavar="NAME"
        ),
        Flag("endpoints", "bool", "Send requests to the ready pods instead of the ClusterIP"),
        Flag(
            "settle",
            "int",
            "Seconds in which a new ClusterIP's pods get its requests (10)",
            metavar="SECONDS",
        ),
        Flag(
            "trusted-proxy", "list", "Network whose X-Forwarded-For and -Proto are believed", metavar="CIDR"
        ),
    ),
    description="For kubectl: wherry proxy manifests | kubectl apply -f -",
)


def run(options: Options) -> int:
    import yaml

    from wherry.proxy.pod import manifests

    class Plain(yaml.SafeDumper):
        """Without aliases: people read this."""

        def ignore_aliases(self, data: object) -> bool:
            return True

    pod = pod_options(options)
    _check_namespaces(pod.watched, options.runtime.env)
    yaml.dump_all(manifests(pod), sys.stdout, Dumper=Plain, sort_keys=False, width=100, indent=2)
    return 0


def pod_options(options: Options) -> PodOptions:
    """Raises UsageError for what kubectl or the pod's own commands would refuse later."""
    from wherry import __version__
    from wherry.cli.proxy.options import checked_domain, network
    from wherry.proxy.pod import PodOptions

    selector, watched = checked_selector(options), checked_namespaces(options)
    into = options.string("into") or ""
    check_namespace("--into", into)
    rendering = []
    if options.string("domain"):
        rendering += ["--domain", checked_domain(options.string("domain") or "")]
    if options.flag("endpoints"):
        rendering.append("--endpoints")
    settle = options.integer("settle")
    if settle is not None:
        if settle < 0:
            raise UsageError(f'invalid argument "{settle}" for --settle: not a number of seconds')
        rendering += ["--settle", str(settle)]
    for text in options.strings("trusted-proxy"):
        rendering += ["--trusted-proxy", network(text)]
    replicas = options.integer("replicas")
    if replicas is None or not 0 <= replicas < 1 << 31:
        raise UsageError(f'invalid argument "{replicas}" for --replicas: not a number of pods')
    return PodOptions(
        image=_image(options.string("image") or f"wherry:{__version__}"),
        into=into,
        replicas=replicas,
        service_type=options.string("service-type") or "",
        host_network=options.flag("host-network"),
        watched=() if watched == ("",) else watched,
        source=("--selector", selector) if selector else (),
        rendering=tuple(rendering),
    )


def _check_namespaces(namespaces: tuple[str, ...], environ: Mapping[str, str]) -> None:
    """Raises NotFoundError for one that the cluster of kubectl's configuration does not have.

    kubectl would apply everything but what belongs into it.  Where there is no cluster to ask, or it does
    not tell, nothing is known and nothing said: the manifests may be for another.
    """
    if not namespaces:
        return
    try:
        from wherry.kube.access import Finder
        from wherry.kube.client import Client
        from wherry.kube.reflector import Policy

        client = Client(Finder(environ=environ), Policy(connect=2.0, page=5.0))
    except (ImportError, ClusterError):
        return
    for name in namespaces:
        if _is_missing(client, name):
            raise NotFoundError(
                f"there is no namespace {name} at {client.server}", hint=f"kubectl create namespace {name}"
            )


def _is_missing(client: Client, namespace: str) -> bool:
    from wherry.kube import faults

    info = faults.RequestInfo("get", "", "namespaces", namespace, client.server, client.origin)
    try:
        client.get(f"/api/v1/namespaces/{namespace}", {}, info)
    except faults.Failed as failed:
        return failed.fault.kind == faults.NOT_FOUND
    return False


def _image(text: str) -> str:
    from wherry.oci.reference import parse

    parse(text)
    return text
