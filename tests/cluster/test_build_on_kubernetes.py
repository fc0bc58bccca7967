"""wherry build --on kubernetes: builds in pods of a real node, with a registry between."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cluster.installed import Cluster, Object
from cluster.node import push
from cluster.objects import account, account_subject, binding, role
from cluster.programs import wait
from support.busybox import import_busybox
from support.certificates import Authority
from support.podimages import builder_image
from support.registry import PASSWORD, USER, running_registry
from support.wherry import Wherry

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]
SECRET = "geheim-4711"


class Here(NamedTuple):
    """A namespace to build in, and wherry as its user has it."""

    cluster: Cluster
    namespace: str
    wherry: Wherry
    folder: Path

    def name(self, tag: str = "1") -> str:
        return f"{self.cluster.registry}/{self.namespace}:{tag}"

    def context(self, *lines: str, **files: str) -> str:
        self.folder.mkdir(exist_ok=True)
        text = "".join(f"{line}\n" for line in (f"FROM {self.cluster.registry}/bb:1", *lines))
        for name, content in {"Dockerfile": text, **files}.items():
            (self.folder / name).write_text(content)
        return str(self.folder)

    def words(self, *words: str) -> tuple[str, ...]:
        """A build of the folder."""
        common = ("build", "--on", "kubernetes", "-n", self.namespace, "--push", "-t", self.name())
        return (*common, "--progress=plain", *words, str(self.folder))

    def build(self, *words: str) -> str:
        """What it says."""
        done = self.wherry.run(*self.words(*words))
        assert done.returncode == 0, done.stderr
        return done.stderr

    def left(self) -> list[str]:
        """What of builds is in the namespace."""
        found = self.cluster.kubectl("-n", self.namespace, "get", "jobs,secrets,pods", "-o", "name")
        return found.split()

    def is_clean(self) -> None:
        wait(lambda: not self.left(), f"{self.left()} stay")

    def file(self, name: str) -> str:
        """A file of the image that was pushed."""
        self.wherry("pull", "-q", self.name())
        return self.wherry("run", "--rm", self.name(), "cat", name)


@pytest.fixture(scope="session")
def builder(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster with what builds in it need: the image of their pods, and one to begin with."""
    folder = tmp_path_factory.mktemp("builder")
    env = settings(folder, cluster)
    store = builder_image("wherry-builder")
    push(Wherry(store.root, env=env), "wherry-builder", cluster.image("wherry-builder"))
    images = Wherry(folder / "images", env=env)
    import_busybox(images)
    push(images, "bb", f"{cluster.registry}/bb:1")
    return cluster


def settings(folder: Path, cluster: Cluster) -> dict[str, str]:
    config = folder / "registries.conf"
    config.write_text(f'[[registry]]\nlocation = "{cluster.registry}"\ninsecure = true\n')
    return {
        "CONTAINERS_REGISTRIES_CONF": str(config),
        "KUBECONFIG": str(cluster.node.api.kubeconfig()),
        "WHERRY_BUILDER_IMAGE": cluster.image("wherry-builder"),
    }


@pytest.fixture
def here(builder: Cluster, namespace: str, tmp_path: Path) -> Iterator[Here]:
    """A namespace of Pod Security's level baseline; an older one of a test's name may still be ending."""
    kubectl = builder.kubectl
    namespace = f"{namespace[:40].strip('-')}-{os.urandom(3).hex()}"
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=baseline")
    wait(
        lambda: kubectl.run("-n", namespace, "get", "serviceaccount", "default").returncode == 0,
        "no account",
    )
    wherry = Wherry(tmp_path / "store", env=settings(tmp_path, builder))
    yield Here(builder, namespace, wherry, tmp_path / "context")
    wherry.end_started()
    kubectl("delete", "namespace", namespace, "--wait=false")


def ends(said: str) -> dict[str, str]:
    """What became of each step, by its last words."""
    names = dict(re.findall(r"^#([0-9]+) (\[.*)$", said, re.M))
    return {
        names[number]: end
        for number, end in re.findall(r"^#([0-9]+) (CACHED|DONE|ERROR|CANCELED)", said, re.M)
        if number in names
    }


def test_an_image_is_built_in_a_pod_and_nothing_of_it_stays(here: Here, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    here.context(
        "ARG WHO",
        "COPY given /given",
        "RUN --mount=type=secret,id=KEY:1 wc -c < /run/secrets/KEY:1 > /size; echo $WHO > /who",
        "RUN chown 1000:1000 /given && chmod 4755 /given && stat -c '%u %a' /given > /stat",
        given="what is given\n",
    )
    described, image = tmp_path / "described.json", tmp_path / "image"
    said = here.build(
        f"--secret=id=KEY:1,src={tmp_path}/secret", "--build-arg", "WHO=$(PATH) $$you",
        "--metadata-file", str(described), "--iidfile", str(image),
        "--driver-opt", "requests.cpu=10m,limits.memory=1Gi,annotations=a.b/c=d,labels=e=f",
        "--driver-opt", '"tolerations=key=a,effect=NoSchedule;operator=Exists,effect=NoExecute"',
    )  # fmt: skip
    here.is_clean()
    assert SECRET not in said
    assert (here.file("/given"), here.file("/size"), here.file("/who")) == (
        "what is given", str(len(SECRET)), "$(PATH) $$you",
    )  # fmt: skip
    assert here.file("/stat") == "1000 4755"
    (found,) = json.loads(here.wherry("inspect", here.name()))
    assert found["Id"] == image.read_text()
    assert json.loads(described.read_text())["containerimage.digest"] in found["RepoDigests"][0]


def test_two_builds_in_two_pods_share_the_cache_and_the_context_goes_up_once(
    here: Here, tmp_path: Path
) -> None:
    here.context("COPY given /", "RUN head -c 99 /dev/urandom | md5sum > /chance", given="one\n")
    first = here.build()
    assert "sent " in first
    chance = here.file("/chance")
    # Another machine, with another check-out of the same files.
    other = here._replace(
        wherry=Wherry(tmp_path / "other", env=settings(tmp_path, here.cluster)), folder=tmp_path / "again"
    )
    other.context("COPY given /", "RUN head -c 99 /dev/urandom | md5sum > /chance", given="one\n")
    second = other.build()
    assert "sent " not in second and " is there" in second
    assert ends(second)["[3/3] RUN head -c 99 /dev/urandom | md5sum > /chance"] == "CACHED"
    assert other.file("/chance") == chance
    pods = [re.findall(r"pod (wherry-\S+)", said) for said in (first, second)]
    assert len({*pods[0], *pods[1]}) == 2


def test_pods_that_share_a_claim_share_a_store(here: Here, tmp_path: Path) -> None:
    """Also two at once: they lock it as two builds of one machine do."""
    space = {"accessModes": ["ReadWriteOnce"], "storageClassName": "none"}
    name, size = f"store-{here.namespace}", {"storage": "1Gi"}
    here.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {**space, "capacity": size, "hostPath": {"path": str(tmp_path / "volume")}},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "store", "namespace": here.namespace},
            "spec": {**space, "volumeName": name, "resources": {"requests": size}},
        },
    )
    (tmp_path / "volume").mkdir()
    here.context("RUN true")
    said = here.wherry.fails(*here.words("--progress=quiet", "--driver-opt=claim=other"), code=1)
    assert 'persistentvolumeclaim "other" not found' in said and "kubectl get pvc" in said
    claim = "--driver-opt=claim=store"
    other = Wherry(tmp_path / "other", env=settings(tmp_path, here.cluster))
    both = [here, here._replace(folder=tmp_path / "folder", wherry=other)]
    for number, one in enumerate(both):
        one.context("RUN sleep 2; echo shared > /shared", f"RUN echo {number}")
    running = [one.wherry.start(*one.words(claim)) for one in both]
    ended = [build.communicate(timeout=120)[1] for build in running]
    assert [build.returncode for build in running] == [0, 0], ended
    shared = "[2/3] RUN sleep 2; echo shared > /shared"
    assert sorted(ends(said)[shared] for said in ended) == ["CACHED", "DONE"]
    # What was pulled is there.
    here.context("RUN echo again")
    assert "Pull complete" not in here.build(claim)
    here.cluster.kubectl("delete", "pv", name, "--wait=false")


def test_explain_says_why_a_step_ran_in_a_pod(here: Here) -> None:
    here.context("RUN echo first > /first", "ARG WHO", "RUN echo $WHO > /who", "RUN exit 0")
    here.build("--build-arg=WHO=one")
    first = here.wherry("explain")
    assert first.count("it was never built before") == 3 and here.name() in first
    here.build("--build-arg=WHO=two")
    second = here.wherry("explain")
    assert "build argument WHO one -> two" in second
    assert "from the cache registry" in second and "the step before it gave other bytes" in second
    here.context("RUN echo first > /first", "RUN exit 7")
    assert here.wherry.run(*here.words()).returncode == 1
    third = here.wherry("explain")
    assert "failed in" in third and "FAILED" in third and "exit 7" in third


def test_two_builds_of_one_repository_at_once_are_both_in_its_cache(here: Here, tmp_path: Path) -> None:
    other = Wherry(tmp_path / "other", env=settings(tmp_path, here.cluster))
    both = [here, here._replace(folder=tmp_path / "folder", wherry=other)]
    for number, one in enumerate(both):
        one.context(f"RUN echo {number}; head -c 99 /dev/urandom | md5sum > /chance; sleep 4")
    running = [one.wherry.start(*one.words()) for one in both]
    for build in running:
        said = build.communicate(timeout=120)[1]
        assert build.returncode == 0, said
    for number, one in enumerate(both):
        (step,) = (end for name, end in ends(one.build()).items() if f"RUN echo {number}" in name)
        assert step == "CACHED"
    here.is_clean()


def test_a_pod_that_is_killed_costs_only_the_step_that_ran(here: Here) -> None:
    here.context(
        "RUN head -c 99 /dev/urandom | md5sum | tee /first",
        "RUN echo second-runs; until [ -e /stop ]; do sleep 1; [ $((n+=1)) = 8 ] && touch /stop; done",
    )
    build = here.wherry.start(*here.words())
    assert build.stderr is not None
    said = ""
    while "second-runs" not in said.replace("echo second-runs", ""):
        line = build.stderr.readline()
        assert line, said
        said += line
    # What was made goes to the registry while the next step runs.
    wait(lambda: "buildcache" in tags(here), "the cache is not written")
    (pod,) = here.cluster.pods(here.namespace, "app.kubernetes.io/name=wherry-build")
    here.cluster.node.kill_container(pod, "build")
    said += build.communicate(timeout=120)[1]
    assert build.returncode == 0, said
    assert "was lost: it was killed (exit code 137); another one goes on from the cache" in said
    first = [line for line in said.splitlines() if re.search(r" [0-9a-f]{32} ", line)]
    assert len(first) == 1, said
    steps = ends(said)
    assert steps["[2/3] RUN head -c 99 /dev/urandom | md5sum | tee /first"] == "CACHED"
    assert said.count(" CANCELED") == 1 and here.file("/first").split()[0] in first[0]
    here.is_clean()


def test_a_pod_whose_node_is_gone_is_replaced_when_the_node_is_back(here: Here) -> None:
    """Nobody says that it has ended: its Job would wait for it."""
    here.context("RUN echo first", "RUN echo it-runs; sleep 5; echo done > /done")
    build = here.wherry.start(*here.words())
    assert build.stderr is not None
    said = ""
    while " it-runs\n" not in said:
        said += build.stderr.readline()
        assert build.poll() is None, said
    wait(lambda: "buildcache" in tags(here), "the cache is not written")
    here.cluster.node.kill("kubelet")
    try:
        words = ("-n", here.namespace, "delete", "pod", "--all", "--wait=false")
        here.cluster.kubectl(*words)
        while "does not answer; another one goes on" not in said:
            said += build.stderr.readline()
            assert build.poll() is None, said
    finally:
        here.cluster.node.start_kubelet()
    said += build.communicate(timeout=120)[1]
    assert build.returncode == 0, said
    assert ends(said)["[2/3] RUN echo first"] == "CACHED" and here.file("/done") == "done"
    here.is_clean()


def tags(here: Here) -> str:
    return here.wherry.run("search", "--list-tags", here.name().rpartition(":")[0]).stdout


def running(here: Here, *words: str) -> subprocess.Popen[str]:
    """A build of two stages, one of whose steps runs."""
    sleeps = "RUN echo it-runs; sleep 100"
    base = f"FROM {here.cluster.registry}/bb:1"
    here.context(sleeps, f"{base} AS b", sleeps, base, "COPY --from=0 /a /", "COPY --from=b /a /")
    build = here.wherry.start(*here.words(*words))
    assert build.stderr is not None
    while "it-runs" not in build.stderr.readline().replace("echo it-runs", ""):
        assert build.poll() is None
    return build


@pytest.mark.parametrize("words", [(), ("--parallel=2",)], ids=["one", "two"])
@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGTERM]], ids=["INT", "TERM"])
def test_an_interrupt_leaves_nothing(
    here: Here, signals: list[signal.Signals], words: tuple[str, ...]
) -> None:
    build = running(here, *words)
    for number in signals:
        build.send_signal(number)
    said = build.communicate(timeout=30)[1]
    assert build.returncode == 130 and "canceled: nothing stays in the cluster" in said
    here.is_clean()


def test_a_reader_who_goes_away_leaves_nothing(here: Here) -> None:
    here.context("RUN while sleep 0.2; do echo tick; done")
    build = here.wherry.start(*here.words())
    assert build.stderr is not None
    while " tick\n" not in build.stderr.readline():
        assert build.poll() is None
    build.stderr.close()
    assert build.wait(30) == 141
    here.is_clean()


def test_a_client_that_is_killed_leaves_a_job_that_ends_by_itself(here: Here) -> None:
    build = running(here, "--driver-opt", "deadline=15s")
    build.kill()
    job = here.cluster.kubectl.get("-n", here.namespace, "jobs")["items"][0]
    (secret,) = here.cluster.kubectl.get("-n", here.namespace, "secrets")["items"]
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert job["spec"]["ttlSecondsAfterFinished"] == 600
    words = ("-n", here.namespace, "wait", "--for=condition=Failed", "job", "--all", "--timeout=60s")
    here.cluster.kubectl(*words)
    assert not here.cluster.pods(here.namespace, "app.kubernetes.io/name=wherry-build")


def test_a_build_that_fails_fails_as_here(here: Here) -> None:
    here.context("RUN echo fine", "RUN echo oh no; exit 3")
    done = here.wherry.run(*here.words())
    assert done.returncode == 1
    error = done.stderr[done.stderr.index("error: ") :]
    local = here.wherry.fails("build", "--progress=quiet", str(here.folder))
    assert error.splitlines() == [
        line for line in local.splitlines() if "the whole output is in" not in line
    ]
    # Its good steps are in the cache.
    here.context("RUN echo fine", "RUN echo oh yes")
    assert ends(here.build())["[2/3] RUN echo fine"] == "CACHED"
    here.is_clean()


def test_stages_side_by_side_are_built_in_pods_of_their_own(here: Here) -> None:
    here.context(
        "RUN sleep 1; head -c 99 /dev/urandom | md5sum > /a",
        f"FROM {here.cluster.registry}/bb:1 AS b",
        "RUN sleep 1; head -c 99 /dev/urandom | md5sum > /b",
        f"FROM {here.cluster.registry}/bb:1",
        "COPY --from=0 /a /",
        "COPY --from=b /b /",
        "RUN cat /a /b > /both",
    )
    said = here.build("--parallel", "2")
    begun = re.findall(r"^#[0-9]+ \[cluster\] starting a pod for (\S+)", said, re.M)
    assert [name.count("-") for name in begun] == [begun[2].count("-") + 1] * 2 + [begun[2].count("-")]
    assert said.count("RUN sleep 1; head -c 99 /dev/urandom | md5sum > /b") == 2
    assert ends(said)["[b 2/2] RUN sleep 1; head -c 99 /dev/urandom | md5sum > /b"] == "CACHED"
    assert here.file("/both") == f"{here.file('/a')}\n{here.file('/b')}"
    explained = here.wherry("explain")
    assert explained.count("it was never built before") == 5, explained
    here.is_clean()
    # A stage that fails ends the others.
    here.context(
        "RUN sleep 100",
        f"FROM {here.cluster.registry}/bb:1 AS b",
        "RUN exit 5",
        f"FROM {here.cluster.registry}/bb:1",
        "COPY --from=0 /a /",
        "COPY --from=b /b /",
    )
    done = here.wherry.run(*here.words("--parallel", "2"), timeout=60)
    assert done.returncode == 1 and "exit code: 5" in done.stderr
    here.is_clean()


def test_an_api_server_that_is_away_for_a_while_costs_nothing(here: Here) -> None:
    here.context("RUN for i in 1 2 3 4 5 6 7 8 9; do echo tick-$i; sleep 1; done")
    build = here.wherry.start(*here.words())
    assert build.stderr is not None
    said = ""
    while " tick-1\n" not in said:
        said += build.stderr.readline()
        assert build.poll() is None
    here.cluster.node.api.stop()
    here.cluster.node.api.start()
    said += build.communicate(timeout=180)[1]
    assert build.returncode == 0, said
    assert re.findall(r" (tick-[0-9])$", said, re.M) == [f"tick-{n}" for n in range(1, 10)]
    here.is_clean()


def test_what_this_machine_has_of_a_registry_lets_the_pod_in(here: Here, tmp_path: Path) -> None:
    here.context("RUN echo built > /built")
    host = here.cluster.node.networks.host
    authority = Authority(tmp_path / "authority")
    pair = authority.server("registry", "/CN=registry", [f"IP:{host}"])
    with running_registry(tmp_path / "registry", passwords=True, tls=pair, address=host) as registry:
        certificates = tmp_path / "config/containers/certs.d" / registry.host
        certificates.mkdir(parents=True)
        (certificates / "ca.crt").write_bytes(authority.certificate.read_bytes())
        env = {**settings(tmp_path, here.cluster), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
        wherry = Wherry(tmp_path / "own", env={**env, "DOCKER_CONFIG": str(tmp_path)})
        name = f"{registry.host}/own/app:1"
        words = ("build", "--on", "kubernetes", "-n", here.namespace, "--push", name)
        done = wherry.run(*words, "--progress=plain", str(here.folder))
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stderr and auth not in done.stderr
        wherry("pull", "-q", name)
        assert wherry("run", "--rm", name, "cat", "/built") == "built"


def level(here: Here, name: str) -> None:
    """Of Pod Security."""
    label = f"pod-security.kubernetes.io/enforce={name}"
    here.cluster.kubectl("label", "--overwrite", "namespace", here.namespace, label)


NO_POD = {"spec": {"hard": {"pods": "0"}}}


def quota(here: Here) -> None:
    kind = {"apiVersion": "v1", "kind": "ResourceQuota"}
    here.cluster.apply({**kind, "metadata": {"name": "q", "namespace": here.namespace}, **NO_POD})
    wait(
        lambda: "hard" in here.cluster.kubectl.get("-n", here.namespace, "quota", "q").get("status", {}),
        "the quota is not counted",
    )


def test_what_is_in_the_way_is_one_line_with_the_object_and_a_hint(here: Here) -> None:
    here.context("RUN true")
    soon = "--driver-opt=timeout=3s"
    for words, says, hint in (
        ((f"--namespace={here.namespace}-not", soon), 'namespaces "', "kubectl create namespace"),
        (("--builder-image", f"{here.cluster.registry}/nothing:1"), "cannot have the image", "push it"),
        (("--builder-image", f"{here.cluster.registry}/bb:1"), "cannot start wherry in", "deploy/builder"),
        ((f"{soon},requests.cpu=1000",), "no node takes pod wherry-", "requests.cpu"),
        (("--kubeconfig", "/nowhere"), "there is no /nowhere", "--kubeconfig"),
        (("--kube-context", "other"), "other", "--kube-context"),
    ):  # fmt: skip
        said = here.wherry.fails(*here.words("--progress=quiet", *words), code=1).splitlines()
        assert len(said) == 2 and says in said[0] and hint in said[1], said
    level(here, "restricted")
    said = here.wherry.fails(*here.words("--progress=quiet"), code=1).splitlines()
    assert len(said) == 2 and 'violates PodSecurity "restricted' in said[0] and "baseline" in said[1]
    level(here, "baseline")
    quota(here)
    said = here.wherry.fails(*here.words("--progress=quiet", soon), code=1).splitlines()
    assert len(said) == 2 and "exceeded quota: q" in said[0] and "quota" in said[1]
    here.is_clean()


def test_a_registry_that_does_not_answer_is_named_and_no_job_is_made(here: Here) -> None:
    here.context("RUN true")
    name = f"{here.cluster.node.networks.host}:1/app:1"
    words = ("build", "--on", "kubernetes", "-n", here.namespace, "--push", "-t", name, "--progress=quiet")
    said = here.wherry.fails(*words, str(here.folder), code=1).splitlines()
    assert len(said) == 2 and ":1: connection refused" in said[0] and "registry" in said[1], said
    assert not here.left()


@pytest.mark.parametrize(("group", "resource"), [("batch", "jobs"), ("", "pods")])
def test_a_rule_of_admission_is_told_in_its_own_words(here: Here, group: str, resource: str) -> None:
    here.context("RUN true")
    name = f"no-{here.namespace}"
    kind = "ValidatingAdmissionPolicy"
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
    here.cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name},
            "spec": {
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [{"expression": "false", "message": "ask the platform team"}],
            },
        },
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": name},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "matchResources": {
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": here.namespace}}
                },
            },
        },
    )
    try:
        # The API server hears of its rules in a moment.
        words = here.words("--progress=quiet")
        wait(lambda: here.wherry.run(*words).returncode == 1, "it is not in force")
        said = here.wherry.fails(*words, code=1).splitlines()
        assert len(said) == 2 and "denied request: ask the platform team" in said[0], said
        assert "a rule of the cluster says no" in said[1]
        here.is_clean()
    finally:
        here.cluster.kubectl("delete", f"{kind},{kind}Binding", name)


RULES: list[tuple[str, str, str]] = [
    ("batch", "jobs", "create"),
    ("batch", "jobs", "get"),
    ("batch", "jobs", "delete"),
    ("", "secrets", "create"),
    ("", "pods", "list"),
    ("", "pods/log", "get"),
    ("", "events", "list"),
]
"""Those of docs/build-on-kubernetes.md."""


def test_each_right_of_the_role_in_the_docs_is_needed_and_they_are_enough(here: Here) -> None:
    page = (Path(__file__).parents[2] / "docs/build-on-kubernetes.md").read_text()
    for group, resource, verb in RULES:
        assert re.search(
            rf'apiGroups: \["{group}"\], resources: \[.*"{resource}".*\], verbs: \[.*"{verb}".*\]', page
        ), resource
    here.context("RUN true")
    assert here.wherry.run(*as_user(here, RULES)).returncode == 0
    here.is_clean()
    for left_out in RULES:
        group, resource, verb = left_out
        if left_out in (("batch", "jobs", "get"), ("", "events", "list")):
            quota(here)  # they are asked where no pod comes
        done = here.wherry.run(
            *as_user(here, [r for r in RULES if r != left_out], "--driver-opt=timeout=3s")
        )
        # What was built is there, whether its Job stays or not.
        assert done.returncode == (0 if verb == "delete" else 1), (left_out, done.stderr)
        if resource == "events":
            assert "exceeded quota" not in done.stderr and "no pod of the Job" in done.stderr
        else:
            assert f"may not {verb} {resource}" in done.stderr
            assert ("was not removed" in done.stderr) == (verb == "delete")
        words = ("-n", here.namespace, "delete", "--all", "--ignore-not-found", "quota,job")
        here.cluster.kubectl(*words)
        here.is_clean()


def as_user(here: Here, rules: list[tuple[str, str, str]], *words: str) -> tuple[str, ...]:
    """A build with the rights of a Role with these rules."""
    found: list[Object] = [{"apiGroups": [g], "resources": [r], "verbs": [v]} for g, r, v in rules]
    one = role("Role", here.namespace, "builds", found)
    subject = account_subject(here.namespace, "somebody")
    here.cluster.apply(account(here.namespace, "somebody"), one, binding(one, subject))
    token = here.cluster.kubectl("-n", here.namespace, "create", "token", "somebody").strip()
    file = here.cluster.node.api.write_kubeconfig(f"builds-{here.namespace}", {"token": token})
    return here.words("--progress=quiet", f"--kubeconfig={file}", *words)
