"""The pod on a real node, under real traffic, with kube-proxy on the way and with endpoints."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.installed import Cluster, Door
from cluster.programs import wait
from cluster.traffic import Load, WebSocket, ask
from cluster.workload import by_its_address, deployment, service
from support.checkout import ROOT
from support.podimages import EXAMPLE, IMAGES

pytestmark = [pytest.mark.node, pytest.mark.timeout(600)]
MANY = 50
Object = dict[str, Any]


def test_the_pod_is_ready_as_a_plain_user_and_nobody_warns(served: Door) -> None:
    pods = served.nginx()
    assert len(pods) == 2
    for pod in pods:
        statuses = [*pod["status"]["initContainerStatuses"], *pod["status"]["containerStatuses"]]
        assert [s["restartCount"] for s in statuses] == [0, 0, 0]
    kubectl = served.cluster.kubectl
    namespace = kubectl.get("namespace", served.namespace)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert kubectl("-n", served.namespace, "get", "events", "--field-selector=type=Warning") == ""
    pulled = kubectl("-n", served.namespace, "get", "events", "--field-selector=reason=Pulled")
    assert served.cluster.image("wherry") in pulled


def test_services_are_created_relabelled_moved_and_deleted_under_load(served: Door, apps: str) -> None:
    cluster = served.cluster
    with Load(served.address, "steady.example") as load:
        cluster.apply(service(apps, "web", "one", "web.example"))
        served.is_answered("web.example", "pod:one")
        cluster.kubectl("-n", apps, "label", "service", "web", "wherry.dev/expose-")
        served.is_answered("web.example", "404")
        cluster.kubectl("-n", apps, "label", "service", "web", "wherry.dev/expose=true")
        served.is_answered("web.example", "pod:one")
        cluster.apply(service(apps, "web", "two", "moved.example"))
        served.is_answered("moved.example", "pod:two")
        served.is_answered("web.example", "404")
        cluster.kubectl("-n", apps, "delete", "service", "web")
        served.is_answered("moved.example", "404")
    assert load.failures == {} and len(load.seen) == 2


def test_fifty_services_at_once_are_answered_by_every_replica(served: Door, apps: str) -> None:
    cluster = served.cluster
    names = [f"many-{number}" for number in range(MANY)]
    with Load(served.address, "steady.example") as load:
        cluster.apply(*(service(apps, name, "one", f"{name}.example") for name in names))
        for pod in served.nginx():
            for name in names:
                served.is_answered(f"{name}.example", "pod:one", f"{pod['status']['podIP']}:8080")
        cluster.kubectl("-n", apps, "delete", "service", *names)
        for pod in served.nginx():
            for name in names:
                served.is_answered(f"{name}.example", "404", f"{pod['status']['podIP']}:8080")
    assert load.failures == {}


def test_scaling_and_rolling_out_backends_fails_no_request(served: Door, apps: str) -> None:
    cluster = served.cluster
    with Load(served.address, "steady.example") as load:
        for replicas in ("5", "1", "2"):
            cluster.kubectl("-n", apps, "scale", "deployment/steady", f"--replicas={replicas}")
            cluster.rolled_out(apps, "steady")
        for mark in ("a", "b"):
            image = cluster.image("wherry-python")
            cluster.apply(deployment(apps, "steady", image, 2, f"{mark}-{served.namespace}"))
            cluster.rolled_out(apps, "steady")
        wait(
            lambda: len(cluster.kubectl.get("-n", apps, "pods", "-l", "app=steady")["items"]) == 2,
            "old pods",
        )
    generations = {pod.rsplit("-", 2)[1] for pod in load.seen}  # pod:NAME-TEMPLATE-POD
    assert load.failures == {} and len(generations) == 3


def test_generators_that_are_killed_cost_nothing_and_are_begun_again(served: Door, apps: str) -> None:
    """The generator in both pods; then, in one of them, the container that begins it again."""
    cluster = served.cluster
    with Load(served.address, "steady.example") as load:
        for pod in served.nginx():
            cluster.node.kill_workers(pod, "generate")
        cluster.node.kill_container(served.nginx()[0], "generate")
        cluster.apply(service(apps, "after", "one", "after.example"))
        for pod in served.nginx():
            served.is_answered("after.example", "pod:one", f"{pod['status']['podIP']}:8080")
    cluster.rolled_out(served.namespace, "nginx")
    cluster.kubectl("-n", apps, "delete", "service", "after")
    for pod in served.nginx():  # until nothing is under way for the tests that follow
        served.is_answered("after.example", "404", f"{pod['status']['podIP']}:8080")
    assert load.failures == {}


def test_an_nginx_that_is_killed_is_begun_again_in_its_container(served: Door) -> None:
    """nginx itself, in each pod: its container goes on, and no restart is counted."""
    cluster = served.cluster
    with Load(served.address, "steady.example") as load:
        for pod in served.nginx():
            cluster.node.kill_master(pod, "nginx")
            served.is_answered("steady.example", "pod:steady", f"{pod['status']['podIP']}:8080")
            enough = sum(load.seen.values()) + 100
            wait(lambda: sum(load.seen.values()) > enough, "requests are not answered")  # noqa: B023
    said = "nginx ended by itself; beginning it again"
    for pod in served.nginx():
        name = pod["metadata"]["name"]
        # The workers that were left answer for a moment before anybody has noticed.
        logs = ("-n", served.namespace, "logs", name, "-c", "nginx")
        wait(lambda: said in cluster.kubectl(*logs), f"{name} begins no nginx again")  # noqa: B023
        restarts = {each["name"]: each["restartCount"] for each in pod["status"]["containerStatuses"]}
        assert restarts["nginx"] == 0
    # Until the next one listens, some milliseconds, connections are refused; the other pod answers others.
    assert all("refused" in said or "reset" in said for said in load.failures), load.failures


def test_an_nginx_container_that_is_killed_serves_again_without_an_api_server(served: Door) -> None:
    """What it served last lies in the pod; the other replica serves meanwhile."""
    cluster, (pod, *_) = served.cluster, served.nginx()
    address = f"{pod['status']['podIP']}:8080"
    cluster.node.api.stop()
    try:
        cluster.node.kill_container(pod, "nginx")
        served.is_answered("steady.example", "pod:steady", address)
    finally:
        cluster.node.api.start()
    cluster.rolled_out(served.namespace, "nginx")


def test_an_etcd_that_is_killed_alone_costs_nothing_and_after_it_changes_are_served(
    served: Door, apps: str
) -> None:
    """The API server goes on without its store: watches stay open, and writes fail.

    Not for long: nodes that cannot say for 40 seconds that they live have no ready pods any more.
    """
    cluster = served.cluster
    with Load(served.address, "steady.example") as load:
        cluster.node.api.kill_etcd()
        write = ("label", "service", "steady", "a=b", "--overwrite", "--request-timeout=3s")
        refused = cluster.kubectl.run("-n", apps, *write)
        assert refused.returncode != 0, "there is a store"
        enough = sum(load.seen.values()) + 500
        wait(lambda: sum(load.seen.values()) > enough, "requests are not answered")
        cluster.node.api.start_etcd()
        (pod,) = cluster.pods(apps, "app=one")
        later = by_its_address(service(apps, "stored", "one", "stored.example"), pod)
        cluster.apply(*later)
        for pod in served.nginx():
            served.is_answered("stored.example", "pod:one", f"{pod['status']['podIP']}:8080")
    cluster.kubectl("-n", apps, "delete", "service/stored", "endpointslice/stored")
    assert load.failures == {}


def test_a_replica_that_starts_while_the_api_server_is_out_of_reach_waits_and_heals(served: Door) -> None:
    """Pods cannot reach it, the node can; those that serve go on, the new one says what it waits for."""
    cluster = served.cluster
    before = {pod["metadata"]["name"] for pod in served.nginx()}
    scale = ("-n", served.namespace, "scale", "deployment/nginx")
    with Load(served.address, "steady.example") as load:
        with cluster.node.pods_without_api():
            cluster.kubectl(*scale, "--replicas=3")
            wait(lambda: len(served.nginx()) == 3, "there is no third pod")
            (new,) = {pod["metadata"]["name"] for pod in served.nginx()} - before
            words = ("-n", served.namespace, "logs", new, "-c", "render")
            wait(lambda: "cannot reach" in cluster.kubectl.run(*words).stdout, "it does not say so", 60)
        cluster.rolled_out(served.namespace, "nginx")
        (pod,) = (pod for pod in served.nginx() if pod["metadata"]["name"] == new)
        assert [s["restartCount"] for s in pod["status"]["initContainerStatuses"]] == [0]
        served.is_answered("steady.example", "pod:steady", f"{pod['status']['podIP']}:8080")
        cluster.kubectl(*scale, "--replicas=2")
        wait(lambda: len(served.nginx()) == 2, "it does not go")
    assert load.failures == {}


def test_all_replicas_come_to_serve_the_same_configuration(served: Door, apps: str) -> None:
    """To the letter, whatever came in which order; and one that starts later, too."""
    cluster = served.cluster
    names = [f"same-{number}" for number in range(10)]
    cluster.apply(*(service(apps, name, "one", f"{name}.example") for name in names))
    cluster.kubectl("-n", apps, "delete", "service", *names[::2])
    cluster.kubectl("-n", served.namespace, "delete", "pod", served.nginx()[0]["metadata"]["name"])
    cluster.rolled_out(served.namespace, "nginx")
    for pod in served.nginx():
        for number, name in enumerate(names):
            said = "pod:one" if number % 2 else "404"
            served.is_answered(f"{name}.example", said, f"{pod['status']['podIP']}:8080")
    wait(lambda: len({cluster.node.configuration(pod) for pod in served.nginx()}) == 1, "they differ")
    cluster.kubectl("-n", apps, "delete", "service", *names[1::2])


def test_without_an_api_server_requests_are_answered_and_after_it_changes_are(
    served: Door, apps: str
) -> None:
    cluster = served.cluster
    with Load(served.address, "steady.example") as load:
        cluster.node.api.stop()
        enough = sum(load.seen.values()) + 500
        wait(lambda: sum(load.seen.values()) > enough, "requests are not answered")
        cluster.node.api.start()
        # Kubernetes' own controllers hear of it much later: the endpoints are written by hand.
        (pod,) = cluster.pods(apps, "app=one")
        cluster.apply(*by_its_address(service(apps, "later", "one", "later.example"), pod))
        for pod in served.nginx():
            served.is_answered("later.example", "pod:one", f"{pod['status']['podIP']}:8080")
    cluster.kubectl("-n", apps, "delete", "service/later", "endpointslice/later")
    assert load.failures == {}


@pytest.mark.parametrize("program", ["kubelet", "containerd"])
def test_a_node_whose_programs_crash_goes_on_and_heals(served: Door, apps: str, program: str) -> None:
    cluster, node = served.cluster, served.cluster.node
    with Load(served.address, "steady.example") as load:
        node.kill(program)
        enough = sum(load.seen.values()) + 500
        wait(lambda: sum(load.seen.values()) > enough, "requests are not answered")
        node.start_kubelet() if program == "kubelet" else node.start_containerd()
        cluster.kubectl("-n", apps, "scale", "deployment/steady", "--replicas=3")
        cluster.rolled_out(apps, "steady")
        cluster.kubectl("-n", apps, "scale", "deployment/steady", "--replicas=2")
        cluster.rolled_out(apps, "steady")
    assert load.failures == {}


def test_a_websocket_outlives_a_reload_and_lives_while_its_pod_ends(
    doors: dict[str, Door], apps: str
) -> None:
    door, cluster = doors["endpoints"], doors["endpoints"].cluster
    pod, *_ = door.nginx()
    name, address = pod["metadata"]["name"], f"{pod['status']['podIP']}:8080"
    door.is_answered("steady.example", "pod:steady", address)
    link = WebSocket(address, "steady.example")
    (one,) = cluster.pods(apps, "app=one")
    cluster.apply(*by_its_address(service(apps, "reloaded", "one", "reloaded.example"), one))
    door.is_answered("reloaded.example", "pod:one", address)
    assert link.echoes(), "it was ended by a reload"
    with Load(door.address, "steady.example") as load:
        cluster.kubectl("-n", door.namespace, "delete", "pod", name, "--wait=false")
        wait(lambda: name not in {p["metadata"]["name"] for p in door.nginx()}, "it is not told to end")
        assert link.echoes(), "it was ended with the first signal"
        wait(lambda: not link.echoes(), "it is never ended")
        cluster.rolled_out(door.namespace, "nginx")
    link.close()
    cluster.kubectl("-n", apps, "delete", "service/reloaded", "endpointslice/reloaded")
    assert load.failures == {}


def test_an_upgrade_and_its_undoing_cost_no_request_and_websockets_outlive_the_first_signal(
    served: Door,
) -> None:
    cluster, of_pod = served.cluster, ("-n", served.namespace)
    next_one = cluster.image("wherry-next")
    images = (f"{name}={next_one}" for name in ("render", "nginx", "generate"))
    changes = (("set", "image", "deployment/nginx", *images), ("rollout", "undo", "deployment/nginx"))
    with Load(served.address, "steady.example") as load:
        for change in changes:
            links = {
                pod["metadata"]["name"]: WebSocket(f"{pod['status']['podIP']}:8080", "steady.example")
                for pod in served.nginx()
            }
            cluster.kubectl(*of_pod, *change)
            left = dict(links)
            wait(lambda: told_to_end(served, left) == {}, "it does not come to an end", 120)  # noqa: B023
            cluster.rolled_out(served.namespace, "nginx")
            for link in links.values():
                wait(lambda: not link.echoes(), "it is never ended")  # noqa: B023
                link.close()
    assert load.failures == {}
    assert {pod["spec"]["containers"][0]["image"] for pod in served.nginx()} == {cluster.image("wherry")}


def told_to_end(door: Door, links: dict[str, WebSocket]) -> dict[str, WebSocket]:
    """Takes away the links of pods that were told to end; all of them have to be alive."""
    staying = {pod["metadata"]["name"] for pod in door.nginx()}
    for name, link in list(links.items()):
        assert link.echoes(), f"{name} has ended it"
        if name not in staying:
            del links[name]
    return links


CONF = "server {{ listen 8080; root /etc/nginx/conf.d; index {index}; }}"
WRITE = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"


def test_a_default_conf_by_hand_is_brought_into_force(cluster: Cluster) -> None:
    """The article's flow: two pages and a configuration in the emptyDir, and nginx follows it."""
    pod = by_hand(cluster.image("nginx-reload"))
    cluster.apply(pod)
    cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/by-hand", "--timeout=120s")

    def write(name: str, text: str) -> None:
        words = ("exec", "by-hand", "--", "python3", "-c", WRITE, f"/etc/nginx/conf.d/{name}", text)
        cluster.kubectl(*words)

    address = f"{cluster.kubectl.get('pod', 'by-hand')['status']['podIP']}:8080"
    for number in (1, 2):
        write(f"index{number}.html", f"page{number}\n")
        write("default.conf", CONF.format(index=f"index{number}.html"))
        wait(lambda: ask(address, "any") == f"page{number}", f"page {number} is not served")  # noqa: B023
        assert f"generation {number}" in cluster.kubectl("logs", "by-hand")
    cluster.kubectl("delete", "pod", "by-hand", "--grace-period=1")


def by_hand(image: str) -> Object:
    context = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container = {
        "name": "nginx",
        "image": image,
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/nginx/conf.d"}],
        "securityContext": context,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "by-hand", "namespace": "default"},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "fsGroup": 65532},
            "containers": [container],
            "volumes": [{"name": "conf", "emptyDir": {}}],
        },
    }


def test_the_example_runs_with_an_image_for_each_container(cluster: Cluster) -> None:
    text = cluster.kubectl("kustomize", str(ROOT / EXAMPLE))
    assert text.count("localhost:5000/") == 3
    cluster.kubectl("apply", "-f", "-", text=text.replace("localhost:5000/", f"{cluster.registry}/"))
    cluster.rolled_out("wherry", "nginx")
    (pod, *_) = cluster.pods("wherry", "app.kubernetes.io/name=nginx")
    assert {
        c["image"] for c in pod["status"]["containerStatuses"] + pod["status"]["initContainerStatuses"]
    } == {cluster.image(name) for name in IMAGES.values()}
    cluster.kubectl("delete", "namespace", "wherry", "--wait=false")
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", "wherry-nginx-wherry")
