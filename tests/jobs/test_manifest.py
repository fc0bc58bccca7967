"""The objects of a build, without a cluster."""

from __future__ import annotations

import base64
import json

import pytest

from wherry.errors import UsageError
from wherry.jobs.manifest import CAPABILITIES, LARGEST, Given, job, secret
from wherry.jobs.options import PodOptions

OWNER = {"name": "n", "uid": "u"}


def test_what_is_secret_stands_in_the_secret_alone() -> None:
    given = Given(b'{"auths":{}}', b"", {"secret-0": b"geheim"})
    assert base64.b64encode(b"geheim").decode() in json.dumps(secret("n", given, OWNER))
    assert secret("n", given, OWNER)["metadata"]["ownerReferences"][0]["uid"] == "u"
    assert "geheim" not in json.dumps(job("n", ["build", "."], PodOptions("i")))


def test_more_than_a_secret_can_hold_is_refused_before_it_is_sent() -> None:
    with pytest.raises(UsageError, match="1 MiB"):
        secret("n", Given(secrets={"secret-0": bytes(LARGEST)}), OWNER)


def test_dollars_of_arguments_are_not_replaced_by_kubernetes() -> None:
    container = job("n", ["--build-arg=A=$(HOME)$$x$"], PodOptions("i"))["spec"]["template"]["spec"][
        "containers"
    ][0]
    assert container["args"] == ["--build-arg=A=$$(HOME)$$$$x$$"]


def test_the_pod_asks_for_what_pod_security_baseline_allows() -> None:
    """The capabilities of https://kubernetes.io/docs/concepts/security/pod-security-standards."""
    allowed = {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }  # fmt: skip
    assert set(CAPABILITIES) <= allowed
    pod = job("n", [], PodOptions("i"))["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_options_of_pods_stand_where_kubernetes_reads_them() -> None:
    options = PodOptions(
        "i", (("cpu", "2"),), (("memory", "4Gi"),), (("pool", "builds"),), "builder", deadline=60, retries=0
    )
    spec = job("n", [], options)["spec"]
    pod = spec["template"]["spec"]
    assert (spec["activeDeadlineSeconds"], spec["backoffLimit"]) == (60, 0)
    assert pod["containers"][0]["resources"] == {"requests": {"cpu": "2"}, "limits": {"memory": "4Gi"}}
    assert (pod["nodeSelector"], pod["serviceAccountName"]) == ({"pool": "builds"}, "builder")


def test_the_store_is_the_pods_own_unless_it_lies_on_a_claim() -> None:
    for claim, volume, mount in (
        ("", {"emptyDir": {}}, {}),
        ("c", {"persistentVolumeClaim": {"claimName": "c"}}, {"subPath": "wherry"}),
    ):
        pod = job("n", [], PodOptions("i", claim=claim))["spec"]["template"]["spec"]
        assert {"name": "store", **volume} in pod["volumes"]
        assert {"name": "store", "mountPath": "/var/lib/wherry", **mount} in pod["containers"][0][
            "volumeMounts"
        ]
