"""The flags of ``wherry build`` that say how ``--on kubernetes`` does it."""

from __future__ import annotations

from wherry.cli.core.flags import Flag
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.cli.core.flags import Options

CLUSTER_FLAGS = (
    Flag(
        "namespace",
        "string",
        "Namespace of the pods (default: the kubeconfig's)",
        short="n",
        metavar="NAME",
    ),
    Flag("parallel", "int", "How many pods may build stages at once (default 1)"),
    Flag("builder-image", "string", "Image of the pods (default: $WHERRY_BUILDER_IMAGE)", metavar="NAME"),
    Flag("driver-opt", "list", "Options of the pods (e.g., requests.cpu=2)", metavar="KEY=VALUE,…"),
    Flag("kubeconfig", "string", "Which kubeconfig (default: kubectl's, or the pod's own)", metavar="FILE"),
    Flag("kube-context", "string", "Which of its contexts", metavar="NAME"),
)


def refuse_cluster_flags(options: Options) -> None:
    """Raises UsageError for one of them where nothing is built in a cluster."""
    for flag in CLUSTER_FLAGS:
        given = options.strings(flag.name) if flag.kind == "list" else options.string(flag.name)
        if given:
            raise UsageError(f"--{flag.name} is for --on kubernetes", hint="say --on kubernetes, too")
