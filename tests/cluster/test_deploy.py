"""deploy/: overlays and chart say what ``wherry proxy manifests`` prints, and an API server takes it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from cluster.apiserver import ApiServer
from cluster.follower import following
from cluster.helm import CHART, Helm
from cluster.kubectl import Kubectl
from cluster.objects import account, account_subject, binding, role, service
from support.wherry import Wherry
from wherry import __version__
from wherry.kube.access import Finder
from wherry.proxy.pod import PodOptions, manifests

Object = dict[str, Any]
Key = tuple[str, str, str]
DEPLOY = Path(__file__).parents[2] / "deploy"
OVERLAYS = {
    "plain": ("--replicas", "1", "--service-type", "ClusterIP"),
    "replicas": ("--replicas", "3"),
    "loadbalancer": ("--service-type", "LoadBalancer"),
    "nodeport": ("--service-type", "NodePort"),
    "hostnetwork": ("--host-network", "--service-type", "ClusterIP"),
    "endpoints": ("--endpoints",),
}


class Values(NamedTuple):
    """What the chart is told, and the words that tell the command the same."""

    values: Object
    words: tuple[str, ...]
    namespace: str = "wherry"


VALUES = {
    "nothing": Values({}, ()),
    "plain": Values({"replicas": 1, "service": {"type": "ClusterIP"}}, OVERLAYS["plain"]),
    "none": Values({"replicas": 0}, ("--replicas", "0")),
    "hostnetwork": Values(
        {"hostNetwork": True, "service": {"type": "NodePort"}},
        ("--host-network", "--service-type", "NodePort"),
    ),
    "following": Values(
        {
            "namespaces": ["shop", "default"],
            "selector": "a=b,!c",
            "domain": "apps.example",
            "endpoints": True,
            "settle": 0,
            "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
            "image": {"repository": "registry.example:5000/w", "tag": "1"},
        },
        (
            *("-n", "shop", "-n", "default", "-l", "a=b,!c", "--domain", "apps.example", "--endpoints"),
            *("--settle", "0"),
            *("--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "fd00::/8"),
            *("--image", "registry.example:5000/w:1"),
        ),
        "edge",
    ),
    "everything": Values({"selector": "", "replicas": 5}, ("-l", "", "--replicas", "5"), "edge"),
}  # fmt: skip


def template(helm: Helm, values: Object, namespace: str = "wherry") -> str:
    return helm("template", namespace, CHART, "-n", namespace, "-f", "-", text=yaml.safe_dump(values))


def by_key(text: str) -> dict[Key, Object]:
    """The objects as an API server would compare them: absent labels of helm's, present all the rest."""
    found = {}
    for thing in filter(None, yaml.safe_load_all(text)):
        meta = thing["metadata"]
        for helms in ("app.kubernetes.io/managed-by", "helm.sh/chart"):
            meta.get("labels", {}).pop(helms, None)
        found[thing["kind"], meta.get("namespace", ""), meta["name"]] = thing
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_what_the_command_prints(programs: Path, wherry: Wherry, overlay: str) -> None:
    kubectl = Kubectl(programs, Path("/dev/null"))
    made = by_key(kubectl("kustomize", str(DEPLOY / "overlays" / overlay)))
    assert made == by_key(wherry("proxy", "manifests", *OVERLAYS[overlay]))


def test_an_overlays_namespace_moves_all_but_the_names_of_the_rights(
    programs: Path, tmp_path: Path
) -> None:
    shutil.copytree(DEPLOY / "nginx", tmp_path / "copy")
    (tmp_path / "kustomization.yaml").write_text("namespace: edge\nresources: [copy]\n")
    made = by_key(Kubectl(programs, Path("/dev/null"))("kustomize", str(tmp_path)))
    assert {namespace for _, namespace, _ in made} == {"", "edge"} and ("Namespace", "", "edge") in made
    bound = made["ClusterRoleBinding", "", "wherry-nginx-wherry"]
    assert [subject["namespace"] for subject in bound["subjects"]] == ["edge"]


def test_every_overlay_is_tested() -> None:
    assert {path.name for path in (DEPLOY / "overlays").iterdir()} == set(OVERLAYS)


@pytest.mark.parametrize("name", VALUES)
def test_the_chart_is_what_the_command_prints(helm: Helm, wherry: Wherry, name: str) -> None:
    values, words, namespace = VALUES[name]
    printed = by_key(wherry("proxy", "manifests", "--into", namespace, *words))
    del printed["Namespace", "", namespace]  # helm's own affair: --create-namespace
    assert by_key(template(helm, values, namespace)) == printed


def test_the_chart_is_well_formed_and_of_this_version(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize(
    "values",
    [
        {"replica": 3},
        {"replicas": "3"},
        {"replicas": -1},
        {"service": {"type": "Nodeport"}},
        {"namespaces": ["a b"]},
        {"namespaces": ["a\nb: c"]},
        {"resources": {"ngnix": {}}},
        {"resources": {"nginx": {"limits": {"memory": True}}}},
        {"selector": "a b"},
        {"selector": "a in b"},
        {"domain": "a b"},
        {"trustedProxies": ["nonsense"]},
        {"settle": "soon"},
        {"settle": -1},
        {"podAnnotations": {"a": True}},
        {"nodeSelector": {"a": 1}},
        {"service": {"annotations": {"a": 1}}},
        {"tolerations": ["spot"]},
        {"runAsUser": 0},
        {"runAsUser": "nobody"},
        {"image": None},
        {"selector": None},
        {"settle": None},
        {"service": None},
        {"service": {"type": None}},
        {"service": {"port": None}},
        {"resources": None},
    ],
)
def test_values_that_are_none_of_the_charts_are_refused(helm: Helm, values: Object) -> None:
    """By helm, with the value's name, and not by the API server, or by pods that do not start."""
    done = helm.run("template", "w", CHART, "-f", "-", text=yaml.safe_dump(values))
    assert done.returncode != 0 and "schema" in done.stderr, done.stderr
    assert next(iter(values)) in done.stderr


@pytest.mark.parametrize("value", [{"nodePort": 30080}, {"externalTrafficPolicy": "Local"}])
def test_what_only_other_services_have_is_refused_for_a_cluster_ip(helm: Helm, value: Object) -> None:
    values = yaml.safe_dump({"service": {"type": "ClusterIP", **value}})
    done = helm.run("template", "w", CHART, "-f", "-", text=values)
    assert done.returncode != 0 and "service.type is ClusterIP" in done.stderr


@pytest.mark.parametrize(
    "selector",
    ["a", "!a", "a=b", "a==b", "a!=b", "x.example/a=b_c.d", "a=", "a in (b,c)", "a notin (b), c , ! d", ""],
)
def test_the_chart_takes_the_selectors_that_the_command_takes(
    helm: Helm, wherry: Wherry, selector: str
) -> None:
    made = by_key(template(helm, {"selector": selector}))
    printed = by_key(wherry("proxy", "manifests", "-l", selector))
    key = ("Deployment", "wherry", "nginx")
    assert words_of(made[key]) == words_of(printed[key])


@pytest.mark.parametrize("user", [None, 1000680000])
def test_the_user_is_another_one_or_left_to_the_platform(helm: Helm, user: int | None) -> None:
    made = by_key(template(helm, {"runAsUser": user}))
    found = made["Deployment", "wherry", "nginx"]["spec"]["template"]["spec"]["securityContext"]
    chosen = {} if user is None else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}
    assert found == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **chosen}


def test_the_number_of_pods_may_be_left_to_whoever_scales_them(helm: Helm) -> None:
    made = by_key(template(helm, {"replicas": None}))
    assert "replicas" not in made["Deployment", "wherry", "nginx"]["spec"]
    assert ("PodDisruptionBudget", "wherry", "nginx") in made


def test_large_numbers_stay_numbers(helm: Helm) -> None:
    """helm reads them as floats, and would write 1e+06."""
    made = by_key(template(helm, {"replicas": 1_000_000, "settle": "2000000"}))
    deployment = made["Deployment", "wherry", "nginx"]
    assert deployment["spec"]["replicas"] == 1_000_000 and "2000000" in words_of(deployment)


def words_of(deployment: Object) -> list[str]:
    words: list[str] = deployment["spec"]["template"]["spec"]["containers"][1]["args"]
    return [word.replace(" ", "") for word in words]


@pytest.mark.parametrize(
    "value", ["podAnnotations", "nodeSelector", "tolerations", "affinity", "namespaces"]
)
def test_a_value_that_says_nothing_may_be_null(helm: Helm, value: str) -> None:
    assert by_key(template(helm, {value: None})) == by_key(template(helm, {}))


def test_the_other_values_stand_where_they_belong(helm: Helm) -> None:
    values = {
        "image": {"pullPolicy": "Always", "pullSecrets": ["key"]},
        "service": {
            "port": 8000, "nodePort": 30080, "externalTrafficPolicy": "Local", "annotations": {"a": "b"},
        },
        "networkPolicy": False,
        "podDisruptionBudget": False,
        "podAnnotations": {"c": "d"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "resources": {"nginx": {"limits": {"memory": "1Gi"}}},
    }  # fmt: skip
    made = by_key(template(helm, values))
    assert not {"NetworkPolicy", "PodDisruptionBudget"} & {kind for kind, _, _ in made}
    service = made["Service", "wherry", "nginx"]
    assert service["metadata"]["annotations"] == {"a": "b"}
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert service["spec"]["ports"] == [
        {"name": "http", "port": 8000, "targetPort": "http", "nodePort": 30080}
    ]
    template_ = made["Deployment", "wherry", "nginx"]["spec"]["template"]
    pod = template_["spec"]
    assert template_["metadata"]["annotations"] == {"c": "d"}
    assert pod["imagePullSecrets"] == [{"name": "key"}] and pod["priorityClassName"] == "high"
    assert pod["nodeSelector"] == {"disk": "fast"} and pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["affinity"] == {"nodeAffinity": {}}
    assert pod["containers"][0]["resources"]["limits"] == {"memory": "1Gi"}
    assert {c["imagePullPolicy"] for c in pod["containers"]} == {"Always"}


@pytest.fixture
def kubectl(api: ApiServer) -> Iterator[Kubectl]:
    one = Kubectl(api.programs, api.kubeconfig())
    yield one
    one("delete", "clusterrolebinding,clusterrole", "-l", "app.kubernetes.io/part-of=wherry")


def sources(helm: Helm, kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    for overlay in OVERLAYS:
        yield overlay, kubectl("kustomize", str(DEPLOY / "overlays" / overlay))
    for name, (values, _, namespace) in VALUES.items():
        yield f"chart: {name}", template(helm, values, namespace)


def test_an_api_server_takes_all_of_it_and_its_pods_are_restricted(helm: Helm, kubectl: Kubectl) -> None:
    there = [_restricted(namespace) for namespace in ("wherry", "edge", "shop")]
    there += [account(namespace, "nginx") for namespace in ("wherry", "edge")]
    server_side = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    kubectl(*server_side, text=yaml.safe_dump_all(there))
    for title, text in sources(helm, kubectl):
        done = kubectl.run(*server_side, "--dry-run=server", "--validate=strict", text=text)
        assert done.returncode == 0, (title, done.stderr)
        assert "Warning" not in done.stderr or "hostNetwork=true" in done.stderr, (title, done.stderr)
        lines = [line for line in done.stdout.splitlines() if "serverside-applied" in line]
        assert len(lines) == len(by_key(text)), (title, done.stdout)
        refused = _refused(kubectl, by_key(text).values())
        assert ("hostNetwork=true" in refused) if "hostnetwork" in title else refused == "", (
            title,
            refused,
        )


def rights() -> list[Object]:
    """The rules of the pod's ClusterRole."""
    made = manifests(PodOptions(image="wherry"))
    (found,) = (thing["rules"] for thing in made if thing["kind"] == "ClusterRole")
    rules: list[Object] = found
    return rules


RIGHTS = [(r, verb) for rule in rights() for r in rule["resources"] for verb in rule["verbs"]]


@pytest.mark.parametrize(("resource", "verb"), RIGHTS)
def test_each_right_of_the_pod_is_needed(api: ApiServer, namespace: str, resource: str, verb: str) -> None:
    namespace = f"{namespace}-{resource}-{verb}"
    less = copy.deepcopy(rights())
    for rule in less:
        if resource in rule["resources"]:
            rule["verbs"].remove(verb)
    api.create(service(namespace, "web"))
    api.create(account(namespace, "nginx"))
    api.create(left := role("Role", namespace, "less", less))
    api.create(binding(left, account_subject(namespace, "nginx")))
    config = api.write_kubeconfig(namespace, {"token": api.token(namespace, "nginx")})
    with following(Finder(str(config)), [namespace]) as follower:
        missed = f"may not {verb} {resource}"
        follower.until(lambda: any(missed in line for line in follower.said), "nothing is missed")


def _refused(kubectl: Kubectl, objects: Iterable[Object]) -> str:
    """What Pod Security says to the Deployment's pod."""
    (deployment,) = (thing for thing in objects if thing["kind"] == "Deployment")
    pod = copy.deepcopy(deployment["spec"]["template"])
    pod |= {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] |= {"name": "nginx", "namespace": deployment["metadata"]["namespace"]}
    done = kubectl.run("create", "--dry-run=server", "-f", "-", text=yaml.safe_dump(pod))
    return done.stderr if done.returncode else ""


def _restricted(name: str) -> Object:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
