"""``wherry proxy manifests``: what it prints, and what it refuses before kubectl would."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.apiserver import ApiServer
from support.wherry import Wherry
from wherry import __version__

DEPLOY = Path(__file__).parents[2] / "deploy/nginx"


def printed(wherry: Wherry, *words: str) -> dict[str, Any]:
    """The objects by kind; each kind occurs once by default."""
    documents = list(yaml.safe_load_all(io.StringIO(wherry("proxy", "manifests", *words))))
    return {d["kind"]: d for d in documents}


def containers(deployment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    pod = deployment["spec"]["template"]["spec"]
    return {c["name"]: c for c in (*pod["initContainers"], *pod["containers"])}


def test_deploy_nginx_is_what_the_command_prints(wherry: Wherry) -> None:
    assert (DEPLOY / "pod.yaml").read_text() == wherry("proxy", "manifests") + "\n", (
        "run: wherry proxy manifests > deploy/nginx/pod.yaml"
    )


def test_the_versions_in_deploy_are_wherrys_own() -> None:
    version = __version__
    kustomization = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
    assert kustomization["images"] == [{"name": "wherry", "newName": "wherry", "newTag": version}]
    assert f"-t wherry:{version} ." in (DEPLOY / "Dockerfile").read_text()


def test_settling_is_the_render_and_the_generate_containers_affair(wherry: Wherry) -> None:
    found = containers(printed(wherry, "--settle", "0")["Deployment"])
    told = {name: "--settle 0" in " ".join(each["args"]) for name, each in found.items()}
    assert told == {"render": True, "nginx": False, "generate": True}
    assert "not a number of seconds" in wherry.fails("proxy", "manifests", "--settle=-1", code=125)


def test_the_container_that_talks_to_clients_has_no_token(wherry: Wherry) -> None:
    found = containers(printed(wherry)["Deployment"])
    mounts = {name: [m["name"] for m in c["volumeMounts"]] for name, c in found.items()}
    assert mounts == {"render": ["conf", "token"], "nginx": ["conf"], "generate": ["conf", "token"]}
    account = printed(wherry)["ServiceAccount"]
    assert account["automountServiceAccountToken"] is False


def test_every_container_is_without_root_capability_and_writable_root(wherry: Wherry) -> None:
    deployment = printed(wherry)["Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in containers(deployment).values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_command_in_the_pod_takes_its_words(wherry: Wherry, tmp_path: Path) -> None:
    """Each container's words are parsed by the command itself: it gets as far as the missing folder."""
    words = ("--endpoints", "--domain", "apps.example", "--trusted-proxy", "10.0.0.0/8")
    for container in containers(printed(wherry, *words)["Deployment"]).values():
        arguments = [str(tmp_path / "absent") if a == "/etc/nginx/conf.d" else a for a in container["args"]]
        config = tmp_path / "kubeconfig"
        config.write_text(
            "{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "
            "'http://127.0.0.1:1'}}], users: [], contexts: [{name: c, context: {cluster: c, user: ''}}]}"
        )
        said = wherry.fails(*arguments, code=1, env={"KUBECONFIG": str(config)})
        assert f"{tmp_path}/absent is not a directory" in said


def test_rights_are_one_role_in_each_namespace_that_is_followed(wherry: Wherry) -> None:
    documents = list(yaml.safe_load_all(wherry("proxy", "manifests", "-n", "shop", "-n", "blog")))
    roles = [d for d in documents if d["kind"] == "Role"]
    assert [r["metadata"]["namespace"] for r in roles] == ["shop", "blog"]
    assert not [d for d in documents if d["kind"].startswith("ClusterRole")]
    assert {verb for r in roles for rule in r["rules"] for verb in rule["verbs"]} == {"list", "watch"}


def test_what_is_asked_for_stands_in_the_manifests(wherry: Wherry) -> None:
    objects = printed(
        wherry, "--image", "registry.example/wherry:1", "--replicas", "5", "--into", "edge",
        "--service-type", "NodePort", "-l", "",
    )  # fmt: skip
    assert objects["Deployment"]["spec"]["replicas"] == 5
    assert {c["image"] for c in containers(objects["Deployment"]).values()} == {"registry.example/wherry:1"}
    assert "--selector" not in containers(objects["Deployment"])["generate"]["args"]
    assert objects["Service"]["spec"]["type"] == "NodePort"
    assert {o["metadata"].get("namespace", "edge") for o in objects.values()} == {"edge"}


@pytest.mark.parametrize("namespace", ["default", "kube-system"])
def test_a_namespace_of_kubernetes_is_left_as_it_is(wherry: Wherry, namespace: str) -> None:
    """Its other pods would be held to the pod's level of Pod Security."""
    objects = printed(wherry, "--into", namespace)
    assert "Namespace" not in objects and objects["Deployment"]["metadata"]["namespace"] == namespace
    assert "Namespace" in printed(wherry, "--into", "edge")


@pytest.mark.parametrize(
    "words, says",
    [
        (("--image", "a b"), "invalid reference format"),
        (("--into", "Upper"), "--into: 'Upper' is not a namespace's name"),
        (("-n", "a;b"), "is not a namespace's name"),
        (("-l", "a in"), "--selector:"),
        (("--replicas", "-1"), "not a number of pods"),
        (("--replicas", "2147483648"), "not a number of pods"),
        (("--domain", "a;b"), "--domain:"),
        (("--trusted-proxy", "10.0.0.0/99"), "--trusted-proxy:"),
        (("--service-type", "Nodeport"), "Nodeport"),
        (("-A", "-n", "x"), "exclude each other"),
    ],
)
def test_nonsense_is_refused_here_and_not_by_kubectl(
    wherry: Wherry, words: tuple[str, ...], says: str
) -> None:
    assert says in wherry.fails("proxy", "manifests", *words)


def test_two_installations_do_not_meet(wherry: Wherry) -> None:
    """What lies outside the pod's namespace is named after it, and labelled so that it can be removed."""
    names: set[tuple[str, str, str]] = set()
    for words in (
        ("--into", "edge"),
        ("--into", "other"),
        ("--into", "edge", "-n", "shop"),
        ("--into", "other", "-n", "shop"),
    ):
        for object_ in yaml.safe_load_all(wherry("proxy", "manifests", *words)):
            meta = object_["metadata"]
            if object_["kind"] == "Namespace":
                continue
            assert meta["labels"]["app.kubernetes.io/instance"] == words[1]
            if meta.get("namespace") != words[1]:
                name = (object_["kind"], meta.get("namespace", ""), meta["name"])
                assert name not in names and words[1] in meta["name"]
                names.add(name)
            if "roleRef" in object_:
                assert object_["roleRef"]["name"] == meta["name"]
                assert object_["subjects"][0]["namespace"] == words[1]
    assert len(names) == 8


def test_a_namespace_that_is_not_there_is_refused_before_half_is_applied(
    wherry: Wherry, tmp_path: Path
) -> None:
    api = ApiServer(tmp_path)
    try:
        env = {"KUBECONFIG": str(api.kubeconfig())}
        said = wherry.fails("proxy", "manifests", "-n", "default", "-n", "nosuch", code=1, env=env)
        assert "there is no namespace nosuch" in said and "kubectl create namespace nosuch" in said
        found = wherry.run("proxy", "manifests", "-n", "default", env=env)
        assert found.returncode == 0 and "namespace: default" in found.stdout
    finally:
        api.stop()
    unknown = wherry.run("proxy", "manifests", "-n", "nosuch", env=env)
    assert unknown.returncode == 0 and unknown.stderr == "", "who cannot be asked says nothing"
