"""PURE: the objects of one build: a Job, and the Secret that belongs to it.

Pod Security level "baseline": the pod is root, without privileges, and what it may is what chroot needs.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wherry.jobs.options import PodOptions

Object = dict[str, Any]
LABEL = "wherry.dev/build"
"""On all objects of a build: its name."""
CONTAINER = "build"
STORE = "/var/lib/wherry"
ON_CLAIM = "wherry"
"""The store's folder on a volume, which has its file system's own beside it (lost+found)."""
GIVEN = "/run/wherry"
"""Where the Secret's files are in the pod."""
CERTIFICATES = "/etc/containers/certs.d"
DOCKER_CONFIG = ".dockerconfigjson"
REGISTRIES = "registries.conf"
KEPT = 600
"""Seconds for which a Job that has ended is kept, where nobody is there to remove it."""
AWAY = 60
"""Seconds, where Kubernetes would wait five minutes: what a build has done is at the registry."""
GRACE = 2
"""Seconds: what a pod has is lost with it, and what counts is at the registry."""
LARGEST = 1 << 20
"""Bytes of a Secret (API server, MaxSecretSize)."""
KILLED = (137, 143)
"""Exit codes of a build that somebody ended: by SIGKILL, as where memory runs out, or by SIGTERM."""
CAPABILITIES = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
"""Those of Docker, which "baseline" allows, without NET_RAW."""


class Given(NamedTuple):
    """What a build is given that is in no log: the registries' credentials as a config.json of docker's,
    the settings of registries, certificates by their path in certs.d, and secrets by their file's name."""

    docker_config: bytes = b"{}"
    registries: bytes = b""
    secrets: Mapping[str, bytes] = {}
    certificates: Mapping[str, bytes] = {}


def job(name: str, words: Sequence[str], options: PodOptions, certificates: Sequence[str] = ()) -> Object:
    """The Job that runs ``wherry`` with these words; `certificates` are the paths of those that are given.

    A pod that is lost, or killed, is tried again; a build that fails is not.
    """
    labels = {
        **dict(options.labels),
        LABEL: name,
        "app.kubernetes.io/name": "wherry-build",
        "app.kubernetes.io/managed-by": "wherry",
    }
    # Whatever else ends a pod counts as a try, evictions too: one that fills its disk would come for ever.
    own = {"containerName": CONTAINER, "operator": "NotIn", "values": list(KILLED)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": options.retries,
            "activeDeadlineSeconds": options.deadline,
            "ttlSecondsAfterFinished": KEPT,
            "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": own}]},
            "template": {
                "metadata": {"labels": labels, "annotations": dict(options.annotations)},
                "spec": _pod(name, words, options, certificates),
            },
        },
    }


def _pod(name: str, words: Sequence[str], options: PodOptions, certificates: Sequence[str]) -> Object:
    pod: Object = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE,
        "imagePullSecrets": [{"name": name}],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(words, options)],
        "tolerations": [
            *(_away(state) for state in ("not-ready", "unreachable")),
            *map(_toleration, options.tolerations),
        ],
        "volumes": [
            {"name": "store", **_store(options)},
            {"name": "given", "secret": {"secretName": name, "defaultMode": 0o400}},
        ],
    }
    if certificates:
        items = [{"key": _certificate(n), "path": path} for n, path in enumerate(certificates)]
        volume = {"secretName": name, "defaultMode": 0o400, "items": items}
        pod["volumes"].append({"name": "certificates", "secret": volume})
        mount = {"name": "certificates", "mountPath": CERTIFICATES, "readOnly": True}
        pod["containers"][0]["volumeMounts"].append(mount)
    if options.account:
        pod["serviceAccountName"] = options.account
    if options.node_selector:
        pod["nodeSelector"] = dict(options.node_selector)
    return pod


def _toleration(fields: Iterable[tuple[str, str]]) -> Object:
    return {name: int(value) if name == "tolerationSeconds" else value for name, value in fields}


def _store(options: PodOptions) -> Object:
    """What is on a claim stays for the next pod."""
    if options.claim:
        return {"persistentVolumeClaim": {"claimName": options.claim}}
    return {"emptyDir": {}}


def _away(state: str) -> Object:
    """How long a pod stays on a node that does not answer."""
    key = f"node.kubernetes.io/{state}"
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": AWAY}


def _container(words: Sequence[str], options: PodOptions) -> Object:
    resources = {"requests": dict(options.requests), "limits": dict(options.limits)}
    return {
        "name": CONTAINER,
        "image": options.image,
        "command": ["wherry"],
        "args": [_unexpanded(word) for word in words],
        "env": [
            {"name": "WHERRY_ROOT", "value": STORE},
            {"name": "REGISTRY_AUTH_FILE", "value": f"{GIVEN}/{DOCKER_CONFIG}"},
            {"name": "CONTAINERS_REGISTRIES_CONF", "value": f"{GIVEN}/{REGISTRIES}"},
        ],
        "resources": {kind: values for kind, values in resources.items() if values},
        "securityContext": {
            "runAsUser": 0,
            "privileged": False,
            "capabilities": {"drop": ["ALL"], "add": list(CAPABILITIES)},
        },
        "volumeMounts": [
            {"name": "store", "mountPath": STORE, **({"subPath": ON_CLAIM} if options.claim else {})},
            {"name": "given", "mountPath": GIVEN, "readOnly": True},
        ],
    }


def _unexpanded(word: str) -> str:
    """Kubernetes replaces ``$(NAME)`` in arguments, and ``$$`` by a dollar."""
    return word.replace("$", "$$")


def _certificate(number: int) -> str:
    """Of a Secret: paths of certificates have letters that keys have not."""
    return f"certificate-{number}"


def secret(name: str, given: Given, owner: Mapping[str, str]) -> Object:
    """The Secret of a Job, which goes when the Job goes.  `owner` is the Job's name and uid.

    Raises UsageError for more than a Secret can hold.
    """
    files = {DOCKER_CONFIG: given.docker_config, REGISTRIES: given.registries, **given.secrets}
    files |= {_certificate(number): data for number, data in enumerate(given.certificates.values())}
    if sum(map(len, files.values())) > LARGEST:
        raise UsageError(
            f"secrets and credentials have more than the {LARGEST >> 20} MiB of a Kubernetes Secret"
        )
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {
            "name": name,
            "labels": {LABEL: name},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", **owner}],
        },
        "data": {key: base64.b64encode(value).decode() for key, value in files.items()},
    }
