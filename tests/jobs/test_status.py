"""What objects say of a build, in one line."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.jobs.options import PodOptions
from wherry.jobs.status import failed, loss, obstacle, pod

OPTIONS = PodOptions("registry.example/builder:1")


def value(state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    statuses = [{"name": "build", "state": state}] if state is not None else []
    return {"metadata": {"name": "p", "uid": "u"}, "status": {"containerStatuses": statuses, **status}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return value({"waiting": {"reason": reason, "message": message}})


BESIDE = {
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {"name": "istio-proxy", "state": {"running": {}}},
            {"name": "build", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
        ],
    }
}
"""A service mesh's container runs on when the build has ended."""
PULL = (
    'failed to resolve reference "registry.example/builder:1": failed to do request: Head "https://r/v2/": '
)


NO_WHERRY = {"reason": "StartError", "exitCode": 128, "message": 'exec: "wherry": not found'}
UNSCHEDULED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes\x1b"}
NO_CLAIM = UNSCHEDULED | {"message": 'persistentvolumeclaim "c" not found. not found'}
FORBIDDEN = 'Error creating: pods "p" is forbidden: '
WEBHOOK = 'Error creating: admission webhook "w" denied the request: no'


@pytest.mark.parametrize(
    ("found", "warning", "says", "final"),
    [
        (waiting("ErrImagePull", PULL + "not found"), "", f"the image {OPTIONS.image}: not found", True),
        (waiting("ImagePullBackOff", PULL + "dial tcp: i/o timeout"), "", "dial tcp: i/o timeout", False),
        (waiting("InvalidImageName", "x"), "", "cannot have the image", True),
        (waiting("CreateContainerConfigError", "no such key"), "", "ConfigError no such key", False),
        (waiting("ContainerCreating"), "MountVolume.SetUp failed", "MountVolume.SetUp failed", False),
        (value(conditions=[NO_CLAIM]), "", 'persistentvolumeclaim "c" not found', True),
        (value(conditions=[UNSCHEDULED]), "", "no node takes pod p: 0/1 nodes?", False),
        (value({"terminated": NO_WHERRY}), "", f"cannot start wherry in {OPTIONS.image}: not found", True),
        (None, FORBIDDEN + "exceeded quota: q", "no pod is made: pods", False),
        (None, FORBIDDEN + "maximum memory usage per Container is 1Gi, but limit is 2Gi", "is 1Gi", True),
        (None, FORBIDDEN + 'violates PodSecurity "restricted"', "violates", True),
        (None, WEBHOOK, "denied the request", True),
        (None, "Error creating: Internal error occurred: timeout", "Internal error", False),
    ],
)
def test_what_is_in_a_pods_way_is_one_line(
    found: dict[str, Any] | None, warning: str, says: str, final: bool
) -> None:
    hindered = obstacle(pod(found) if found else None, [warning] if warning else [], OPTIONS)
    assert hindered is not None
    assert says in hindered.message and "\n" not in hindered.message
    assert hindered.hint and hindered.final is final


@pytest.mark.parametrize("found", [waiting("ContainerCreating"), value(), {}, {"status": None}])
def test_a_pod_that_is_being_made_is_no_trouble(found: dict[str, Any]) -> None:
    assert obstacle(pod(found), [], OPTIONS) is None
    assert obstacle(None, [], OPTIONS) is None


@pytest.mark.parametrize(
    ("found", "has_result", "says"),
    [
        (value({"terminated": {"exitCode": 0, "reason": "Completed"}}), True, ""),
        (value({"terminated": {"exitCode": 1, "reason": "Error"}}), True, ""),
        (BESIDE, True, ""),
        (
            value({"terminated": {"exitCode": 137, "reason": "Error"}}),
            False,
            "it was killed (exit code 137)",
        ),
        (value({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), False, "memory ran out"),
        (value(phase="Failed", reason="Evicted", message="low on disk"), False, "Evicted: low on disk"),
        (
            value(
                conditions=[
                    {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
                ]
            ),
            False,
            "TerminationByKubelet",
        ),
        (value(), False, "it is gone"),
    ],
)
def test_an_end_is_the_builds_own_or_a_loss(found: dict[str, Any], has_result: bool, says: str) -> None:
    one = pod(found)
    assert one.has_result is has_result
    if not has_result:
        assert says in loss(one)


def test_a_job_that_failed_says_why() -> None:
    def of(type_: str, status: str) -> str:
        return failed({"status": {"conditions": [{"type": type_, "status": status, "reason": "Why"}]}})

    assert (of("Failed", "True"), of("Failed", "False"), of("Complete", "True")) == ("Why", "", "")
    assert failed({}) == ""
