"""PURE: what ``--driver-opt`` says of the pods, in the words of buildx's kubernetes driver."""

from __future__ import annotations

import re

from wherry.commas import separated
from wherry.errors import UsageError, nearest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

RESOURCES = ("cpu", "memory", "ephemeral-storage")
KEYS = (
    *(f"{kind}.{name}" for kind in ("requests", "limits") for name in RESOURCES),
    "nodeselector",
    "tolerations",
    "labels",
    "annotations",
    "serviceaccount",
    "claim",
    "timeout",
    "deadline",
    "retries",
)
QUANTITY = r"[0-9]+(\.[0-9]+)?(m|k|Ki|[MGTPE]i?)?\Z"
NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z"
PART = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
LABEL = rf"({NAME[:-2]}/)?{PART}"
TOLERATION = {
    "key": LABEL,
    "operator": "Exists|Equal",
    "value": rf"({PART})?",
    "effect": "NoSchedule|PreferNoSchedule|NoExecute",
    "tolerationSeconds": "[0-9]{1,9}",
}
UNITS = {"s": 1, "m": 60, "h": 3600}


class PodOptions(NamedTuple):
    """`requests` and `limits` are quantities of Kubernetes by their resources, `tolerations` the fields of
    each by their names.

    Seconds: `timeout` is how long a pod may take until it runs, `deadline` how long all tries may take
    together.  `retries` is how often a pod that was lost is tried again.  `claim` is the
    PersistentVolumeClaim on which the pods' store lies.
    """

    image: str
    requests: tuple[tuple[str, str], ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()
    account: str = ""
    timeout: int = 120
    deadline: int = 7200
    retries: int = 3
    claim: str = ""
    tolerations: tuple[tuple[tuple[str, str], ...], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


def parse(image: str, words: Sequence[str]) -> PodOptions:
    """``KEY=VALUE[,KEY=VALUE…]``, any number of times.  Raises UsageError."""
    found = PodOptions(image)
    for word in words:
        for field in separated(word, "--driver-opt"):
            key, equals, value = field.partition("=")
            if not equals or not value:
                raise UsageError(f"--driver-opt: {field!r} has no value", hint="say requests.cpu=2")
            found = _with(found, key.strip().lower(), value)
    return found


def _with(options: PodOptions, key: str, value: str) -> PodOptions:
    if key not in KEYS:
        near = nearest(key, KEYS)
        raise UsageError(
            f"--driver-opt: unknown key {key}",
            hint=f"did you mean {near}?" if near else f"known: {', '.join(KEYS)}",
        )
    kind, _, resource = key.partition(".")
    if kind == "requests":
        return options._replace(requests=(*options.requests, (resource, _quantity(key, value))))
    if kind == "limits":
        return options._replace(limits=(*options.limits, (resource, _quantity(key, value))))
    if key == "nodeselector":
        return options._replace(node_selector=(*options.node_selector, *_labels(key, value)))
    if key == "labels":
        return options._replace(labels=(*options.labels, *_labels(key, value)))
    if key == "annotations":
        return options._replace(
            annotations=(*options.annotations, *_pairs(key, value, "annotation", "(?s:.*)", "NAME=VALUE"))
        )
    if key == "tolerations":
        return options._replace(tolerations=(*options.tolerations, *map(_toleration, value.split(";"))))
    if key == "serviceaccount":
        return options._replace(account=_name(value, "a ServiceAccount"))
    if key == "claim":
        return options._replace(claim=_name(value, "a PersistentVolumeClaim"))
    if key == "retries":
        if not re.fullmatch("[0-9]{1,2}", value):
            raise UsageError(f"--driver-opt: retries={value} is no number up to 99")
        return options._replace(retries=int(value))
    seconds = _seconds(key, value)
    return options._replace(timeout=seconds) if key == "timeout" else options._replace(deadline=seconds)


def _name(value: str, of: str) -> str:
    if not re.match(NAME, value):
        raise UsageError(f"--driver-opt: {value!r} is not the name of {of}")
    return value


def _quantity(key: str, value: str) -> str:
    if not re.match(QUANTITY, value):
        raise UsageError(
            f"--driver-opt: {key}={value} is no quantity",
            hint="as Kubernetes has them: 500m, 2, 512Mi, 4Gi",
        )
    return value


def _labels(key: str, value: str) -> list[tuple[str, str]]:
    return _pairs(key, value, "label", rf"({PART})?", "kubernetes.io/arch=arm64")


def _pairs(key: str, value: str, kind: str, pattern: str, example: str) -> list[tuple[str, str]]:
    """``NAME=VALUE,…``, for which the whole field is in quotes; values are as the pattern says."""
    found = []
    for pair in value.split(","):
        name, equals, text = pair.partition("=")
        if not equals or not re.fullmatch(LABEL, name) or not re.fullmatch(pattern, text):
            raise UsageError(f"--driver-opt: {key}={pair} is no {kind}", hint=f"say {key}={example}")
        found.append((name, text))
    return found


def _toleration(text: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(TOLERATION.get(name, "(?!)"), value):
            raise UsageError(
                f"--driver-opt: {pair or text} is no part of a toleration",
                hint='say "tolerations=key=NAME,value=VALUE,effect=NoSchedule", in quotes',
            )
        found[name] = value
    return tuple(found.items())


def _seconds(key: str, value: str) -> int:
    match = re.fullmatch("([0-9]{1,6})([smh]?)", value)
    seconds = int(match[1]) * UNITS[match[2] or "s"] if match else 0
    if not seconds:
        raise UsageError(f"--driver-opt: {key}={value} is no duration", hint="say 90s, 10m or 2h")
    return seconds
