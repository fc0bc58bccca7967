"""PURE: the Kubernetes manifests of the nginx pod: init container, generator, nginx, one emptyDir.

Least rights: the API server's token is mounted into the two containers that read Services, never into the
one that talks to clients; that one has nothing but its files.  All run as one plain user with a read-only
root file system and no capability.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.proxy.resources.table import FOLLOWED, rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.proxy.resources.table import Followed

Manifest = dict[str, Any]

NAME = "nginx"
FOLDER = "/etc/nginx/conf.d"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
USER = 65532
LISTEN, NGINX_HEALTH, GENERATOR_HEALTH = 8080, 9113, 9114
HOST = "127.0.0.1"
"""Where a pod in its node's network tells how it is: its node's kubelet asks, and nobody else."""
GRACE = 60
"""Seconds from SIGTERM to SIGKILL."""
DRAIN = 30
"""Seconds of those in which requests may finish."""
BEGIN = 1
"""Seconds before the first probe: nobody listens yet, and each refusal would be a warning in the events."""
STARTS = 600
"""Seconds in which nginx may begin.  It is asked each second until it has, so that a pod is Ready soon, and
seldom from then on: an idle pod does little but answer."""
WAIT = 24 * 3600
"""Seconds that the init container waits for an API server: one that gave up would begin again minutes after
the server's return."""
LEAVE = 5
"""Seconds before nginx is told to end: until then the Service still sends it connections."""

_GROUP = "rbac.authorization.k8s.io"


OF_KUBERNETES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})
"""Namespaces that are there already: what else is in them must not get the pod's level of Pod Security."""


class PodOptions(NamedTuple):
    """Where the pod goes and what it does.

    `into`: its namespace.  `host_network`: it listens at the addresses of its node, with no network of its
    own.  `watched`: the namespaces whose Services it follows, () for all.  `source` and `rendering`: more
    words for the commands that list Services, as they would be typed.
    """

    image: str
    into: str = "wherry"
    replicas: int = 2
    service_type: str = "LoadBalancer"
    host_network: bool = False
    watched: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    rendering: tuple[str, ...] = ()


def manifests(options: PodOptions, followed: Sequence[Followed] = FOLLOWED) -> list[Manifest]:
    """The objects, in an order in which they can be applied."""
    return [
        *([] if options.into in OF_KUBERNETES else [_namespace(options)]),
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": _meta(options),
            "automountServiceAccountToken": False,
        },
        *_rights(options, followed),
        _deployment(options),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _meta(options),
            "spec": {
                "type": options.service_type,
                "selector": _labels(),
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
            },
        },
        *([_disruptions(options)] if options.replicas > 1 else []),
        *([] if options.host_network else [_network_policy(options)]),
    ]


def _namespace(options: PodOptions) -> Manifest:
    """Pod Security: restricted.  A node's network is allowed by no level but the last."""
    level = "privileged" if options.host_network else "restricted"
    labels = {"pod-security.kubernetes.io/enforce": level}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": options.into, "labels": labels}}


def _disruptions(options: PodOptions) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(options),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels()}},
    }


def _network_policy(options: PodOptions) -> Manifest:
    """Requests from everywhere, metrics from the cluster's pods; what it may ask itself is not limited.

    What the server would add is said (TCP, the field's version below): kubectl would see a change for ever.
    """
    http, metrics, generator = (
        {"port": name, "protocol": "TCP"} for name in ("http", "metrics", "gen-metrics")
    )
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta(options),
        "spec": {
            "podSelector": {"matchLabels": _labels()},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"ports": [http]},
                {
                    "from": [{"namespaceSelector": {}}],
                    "ports": [metrics, generator],
                },
            ],
        },
    }


def _labels() -> Manifest:
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "wherry"}


def _instance(options: PodOptions) -> Manifest:
    """Labels of one installation's objects, wherever they lie: what is deleted with it."""
    return {**_labels(), "app.kubernetes.io/instance": options.into}


def _meta(options: PodOptions, **other: str) -> Manifest:
    return {"name": NAME, "namespace": options.into, "labels": _instance(options), **other}


def _rights(options: PodOptions, followed: Sequence[Followed]) -> Iterator[Manifest]:
    """To list and watch what is followed: in all namespaces, or in each of those named.

    They lie outside the pod's namespace, so its name is in theirs: two installations do not meet.  What is
    in no namespace is allowed by a ClusterRole either way.
    """
    whole = {"name": f"wherry-{NAME}-{options.into}", "labels": _instance(options)}
    everywhere = rules(followed, namespaced=False if options.watched else None)
    if everywhere:
        yield _role("ClusterRole", whole, everywhere)
        yield _binding("ClusterRole", whole, options)
    for namespace in options.watched:
        meta = {**whole, "namespace": namespace}
        yield _role("Role", meta, rules(followed, namespaced=True))
        yield _binding("Role", meta, options)


def _role(kind: str, meta: Manifest, allowed: list[Manifest]) -> Manifest:
    return {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": meta, "rules": allowed}


def _binding(kind: str, meta: Manifest, options: PodOptions) -> Manifest:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": f"{kind}Binding",
        "metadata": meta,
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": meta["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": options.into}],
    }


def _deployment(options: PodOptions) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(options),
        "spec": {
            "replicas": options.replicas,
            "selector": {"matchLabels": _labels()},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": _rolling(options)},
            "template": {"metadata": {"labels": _labels()}, "spec": _pod(options)},
        },
    }


def _rolling(options: PodOptions) -> Manifest:
    """Two pods cannot listen on one port of one node: there the old one ends first."""
    return (
        {"maxUnavailable": 1, "maxSurge": 0}
        if options.host_network
        else {"maxUnavailable": 0, "maxSurge": 1}
    )


def _pod(options: PodOptions) -> Manifest:
    follow = [*_watched(options), *options.source, *options.rendering]
    listen = ["--listen", f":{LISTEN}"]
    # What a node's neighbours reach is what was asked for, and no more.
    health = HOST if options.host_network else ""
    return {
        **({"hostNetwork": True} if options.host_network else {}),
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _labels()},
            }
        ],
        "initContainers": [
            _container(
                "render", options, [*listen, "--wait", str(WAIT), *follow], memory="256Mi", token=True
            )
        ],
        "containers": [
            _container(
                "serve",
                options,
                ["--metrics", f"{health}:{NGINX_HEALTH}", "--grace", str(DRAIN)],
                memory="512Mi",
                ports=[("http", LISTEN), ("metrics", NGINX_HEALTH)],
                lifecycle={"preStop": {"sleep": {"seconds": LEAVE}}},
                startupProbe=_probe("/serving", NGINX_HEALTH, BEGIN, 1, health)
                | {"failureThreshold": STARTS},
                readinessProbe=_probe("/serving", NGINX_HEALTH, 0, 10, health),
                livenessProbe=_probe("/healthz", NGINX_HEALTH, 0, 10, health),
            ),
            # It has no readiness probe: what was served goes on being served while it hears nothing.
            _container(
                "generate",
                options,
                [*listen, "--metrics", f"{health}:{GENERATOR_HEALTH}", *follow],
                memory="256Mi",
                token=True,
                ports=[("gen-metrics", GENERATOR_HEALTH)],
                livenessProbe=_probe("/healthz", GENERATOR_HEALTH, 10, 10, health),
            ),
        ],
        "volumes": [{"name": "conf", "emptyDir": {"sizeLimit": "64Mi"}}, _token()],
    }


def _watched(options: PodOptions) -> list[str]:
    if not options.watched:
        return ["--all-namespaces"]
    return [word for namespace in options.watched for word in ("--namespace", namespace)]


def _container(
    command: str,
    options: PodOptions,
    arguments: Sequence[str],
    *,
    memory: str,
    token: bool = False,
    ports: Sequence[tuple[str, int]] = (),
    **more: Manifest,
) -> Manifest:
    mounts: list[Manifest] = [{"name": "conf", "mountPath": FOLDER}]
    if token:
        mounts.append({"name": "token", "mountPath": ACCOUNT, "readOnly": True})
    described: Manifest = {
        "name": "nginx" if command == "serve" else command,
        "image": options.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["proxy", command, "--dir", FOLDER, *arguments],
        **({"ports": [{"name": n, "containerPort": p} for n, p in ports]} if ports else {}),
        **more,
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    return described


def _probe(path: str, port: int, begin: int, period: int, host: str) -> Manifest:
    """`host` is "" for the pod's own address.  A delay of 0 is not said: the server leaves it out."""
    where = {"path": path, "port": port, **({"host": host} if host else {})}
    return {
        "httpGet": where,
        **({"initialDelaySeconds": begin} if begin else {}),
        "periodSeconds": period,
        "timeoutSeconds": 5,
    }


def _token() -> Manifest:
    """What automounting would mount, for the containers that need it only."""
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": "token",
        "projected": {
            "defaultMode": 0o440,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
            ],
        },
    }
