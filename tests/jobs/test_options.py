"""--driver-opt: what it says of pods, and what it refuses."""

from __future__ import annotations

import pytest

from wherry.errors import UsageError
from wherry.jobs.manifest import job
from wherry.jobs.options import PodOptions, parse


def test_the_words_of_buildx_are_understood() -> None:
    words = [
        "requests.cpu=500m,requests.memory=1Gi",
        "limits.ephemeral-storage=10Gi",
        "nodeselector=kubernetes.io/arch=arm64",
        '"nodeselector=pool=builds"',
        "serviceaccount=builder",
        "timeout=10m,deadline=6h,retries=0,claim=builds",
    ]
    assert parse("image", words) == PodOptions(
        "image",
        (("cpu", "500m"), ("memory", "1Gi")),
        (("ephemeral-storage", "10Gi"),),
        (("kubernetes.io/arch", "arm64"), ("pool", "builds")),
        "builder",
        600,
        21600,
        0,
        "builds",
    )


def test_lists_of_buildx_stand_in_quotes() -> None:
    found = parse(
        "image",
        [
            '"nodeselector=pool=builds,kubernetes.io/arch=arm64"',
            '"tolerations=key=spot,value=true,effect=NoSchedule;operator=Exists,tolerationSeconds=30"',
            '"labels=team=a,app.kubernetes.io/name=mine",annotations=sidecar.istio.io/inject=false',
        ],
    )
    assert found.node_selector == (("pool", "builds"), ("kubernetes.io/arch", "arm64"))
    assert [dict(one) for one in found.tolerations] == [
        {"key": "spot", "value": "true", "effect": "NoSchedule"},
        {"operator": "Exists", "tolerationSeconds": "30"},
    ]
    assert found.annotations == (("sidecar.istio.io/inject", "false"),)
    made = job("n", [], found)["spec"]["template"]
    assert made["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
    assert (made["metadata"]["labels"]["team"], made["metadata"]["labels"]["app.kubernetes.io/name"]) == (
        "a",
        "wherry-build",
    )
    assert made["spec"]["tolerations"][2:] == [
        {"key": "spot", "value": "true", "effect": "NoSchedule"},
        {"operator": "Exists", "tolerationSeconds": 30},
    ]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("requests.cpus=2", "unknown key requests.cpus"),
        ("requests.cpu", "has no value"),
        ("requests.cpu=", "has no value"),
        ("limits.memory=lots", "is no quantity"),
        ("limits.memory=1Gb", "is no quantity"),
        ("nodeselector=pool", "is no label"),
        ("nodeselector=a b=c", "is no label"),
        ("serviceaccount=A_B", "is not the name"),
        ("tolerations=spot", "is no part of a toleration"),
        ('"tolerations=key=a,effect=Never"', "effect=Never is no part"),
        ("tolerations=key=a;", "is no part of a toleration"),
        ("annotations=a", "is no annotation"),
        ("labels=a=b c", "is no label"),
        ("claim=../x", "is not the name of a PersistentVolumeClaim"),
        ("timeout=0", "is no duration"),
        ("deadline=1d", "is no duration"),
        ("retries=-1", "is no number"),
    ],
)
def test_what_no_cluster_would_take_is_refused_here(word: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse("image", [word])
