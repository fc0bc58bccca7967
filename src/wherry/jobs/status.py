"""PURE: what the objects of a build say of it: Pods, Jobs and Events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.jobs.manifest import CONTAINER, KILLED
from wherry.kube.faults import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.jobs.options import PodOptions

IMAGE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
OOM = "OOMKilled"
NO_START = frozenset({"StartError", "ContainerCannotRun"})
USUAL = frozenset({"ContainerCreating", "PodInitializing", ""})
NO = "a rule of the cluster says no: another namespace, or ask who runs it"
HOPELESS = ("not found", "denied", "unauthorized", "forbidden", "no basic auth", "http response to https")
"""Words of an image that no second try gets."""

OF_A_RANGE = ("usage per Container", "usage per Pod", "limit to request ratio")
"""Words of a LimitRange (Kubernetes, plugin/pkg/admission/limitranger)."""


class Pod(NamedTuple):
    """`runs` says that its container has begun; `code` is the exit code of one that has ended.

    `reason` and `message` say why it waits, or why it ended as it did; `refused` why no node takes it.
    `ended` says that nothing of it runs any more, `leaving` that it has been told to end.
    """

    name: str
    uid: str
    created: str
    runs: bool = False
    code: int | None = None
    reason: str = ""
    message: str = ""
    refused: str = ""
    ended: bool = False
    leaving: bool = False

    @property
    def has_result(self) -> bool:
        """Whether the build came to its end in it, good or bad."""
        return self.code is not None and self.code not in KILLED and self.reason not in NO_START


class Obstacle(NamedTuple):
    """Why there is nothing to see of a build; `final`: waiting does not help."""

    message: str
    hint: str
    final: bool = False


def pod(value: Mapping[str, Any]) -> Pod:
    """Reads any object, whatever fields it lacks."""
    meta, status = value.get("metadata") or {}, value.get("status") or {}
    phase = str(status.get("phase") or "")
    found = Pod(
        str(meta.get("name") or ""),
        str(meta.get("uid") or ""),
        str(meta.get("creationTimestamp") or ""),
        reason=str(status.get("reason") or ""),
        message=printable(status.get("message") or ""),
        ended=phase in ("Failed", "Succeeded"),
        leaving=bool(meta.get("deletionTimestamp")),
    )
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            found = found._replace(refused=printable(condition.get("message") or condition.get("reason")))
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            found = found._replace(
                reason=found.reason or str(condition.get("reason")),
                message=found.message or printable(condition.get("message") or ""),
            )
    for container in status.get("containerStatuses") or ():
        if container.get("name") == CONTAINER:
            found = _with_container(found, container.get("state") or {})
    return found


def _with_container(found: Pod, state: Mapping[str, Any]) -> Pod:
    waiting, terminated = state.get("waiting"), state.get("terminated")
    if terminated:
        return found._replace(
            runs=True,
            code=int(terminated.get("exitCode") or 0),
            reason=found.reason or str(terminated.get("reason") or ""),
            message=found.message or _cause(terminated.get("message") or ""),
        )
    if waiting:
        return found._replace(
            reason=str(waiting.get("reason") or ""), message=_cause(waiting.get("message") or "")
        )
    return found._replace(runs=found.runs or bool(state.get("running")))


def _cause(text: object) -> str:
    """The end of a chain of errors: each names what it was about, in quotes, and then the next."""
    return printable(str(text).rpartition('": ')[2])


def failed(job: Mapping[str, Any]) -> str:
    """The reason for which a Job has failed; "" where it has not."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition.get("type") in ("Failed", "FailureTarget") and condition.get("status") == "True":
            return str(condition.get("reason") or "Failed")
    return ""


def obstacle(one: Pod | None, warnings: Sequence[str], options: PodOptions) -> Obstacle | None:
    """Why a pod does not run yet, where something is in its way.  `warnings` are the messages of the events
    about it; where there is no pod, about the Job."""
    if one is None:
        return _no_pod(warnings)
    if one.refused and "persistentvolumeclaim" in one.refused:
        return Obstacle(
            f"no node takes pod {one.name}: {one.refused}",
            "kubectl get pvc tells which there are for --driver-opt claim=NAME",
            "not found" in one.refused,
        )
    if one.refused:
        return Obstacle(
            f"no node takes pod {one.name}: {one.refused}",
            "ask for less with --driver-opt requests.cpu=…, or wait longer with --driver-opt timeout=10m",
        )
    if one.reason in IMAGE:
        text = one.message or one.reason
        return Obstacle(
            f"pod {one.name} cannot have the image {options.image}: {text}",
            "push it where nodes find it, and name it with --builder-image (docs/build-on-kubernetes.md)",
            one.reason in ("InvalidImageName", "ErrImageNeverPull") or _hopeless(text),
        )
    if one.reason in NO_START:
        return Obstacle(
            f"pod {one.name} cannot start wherry in {options.image}: {one.message or one.reason}",
            "deploy/builder/Dockerfile makes an image that has it",
            final=True,
        )
    if one.reason not in USUAL:
        return Obstacle(
            f"pod {one.name} does not start: {one.reason} {one.message}".rstrip(),
            f"kubectl describe pod {one.name}",
        )
    if warnings and not warnings[-1].startswith("Error: "):
        return Obstacle(
            f"pod {one.name} does not start: {printable(warnings[-1])}", f"kubectl describe pod {one.name}"
        )
    return None


def _no_pod(warnings: Sequence[str]) -> Obstacle | None:
    if not warnings:
        return None
    text = printable(warnings[-1]).removeprefix("Error creating: ")
    if "exceeded quota" in text or "must specify" in text:
        return Obstacle(
            f"no pod is made: {text}",
            "ask for less with --driver-opt requests.cpu=… and limits.memory=…, or have the quota raised",
        )
    if any(words in text for words in OF_A_RANGE):
        return Obstacle(
            f"no pod is made: {text}",
            "kubectl get limitrange tells what --driver-opt requests.cpu=… and limits.memory=… may be",
            final=True,
        )
    if "forbidden" in text or "denied" in text:
        return Obstacle(
            f"no pod is made: {text}",
            "a build needs a namespace of Pod Security level baseline (docs/build-on-kubernetes.md)"
            if "PodSecurity" in text
            else NO,
            final=True,
        )
    return Obstacle(f"no pod is made: {text}", "kubectl get events tells more")


def _hopeless(text: str) -> bool:
    return any(word in text.lower() for word in HOPELESS)


def loss(one: Pod) -> str:
    """Why a pod that ran has no result."""
    if one.reason == OOM:
        return f"memory ran out ({OOM})"
    if one.reason and one.reason != "Error":
        return f"{one.reason}: {one.message}" if one.message else one.reason
    return f"it was killed (exit code {one.code})" if one.code is not None else "it is gone"
