"""A kind is added by a row, a projection and a part of the graph: shown with one that is in no product."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from fakes.apiserver import ApiServer
from support.services import service
from support.waiting import wait_until
from wherry.errors import ProxyError
from wherry.kube import fields
from wherry.kube.access import Finder
from wherry.kube.client import Client
from wherry.kube.reflector import Policy
from wherry.kube.resource import Resource
from wherry.proxy.graph.backend import Ports, backend
from wherry.proxy.graph.claim import Claim, Node
from wherry.proxy.graph.graph import PARTS
from wherry.proxy.graph.options import Options
from wherry.proxy.model import Rejected, Settings
from wherry.proxy.pod import PodOptions, manifests
from wherry.proxy.resources.service import SERVICES
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.resources.table import FOLLOWED, Followed, documentation, kinds, rules
from wherry.proxy.routes import Router
from wherry.proxy.sources.cluster import Cluster
from wherry.proxy.sources.directory import Directory

DOCS = Path(__file__).parents[3] / "docs/proxy.md"


class Alias(NamedTuple):
    """Another host for a Service of its namespace."""

    namespace: str
    name: str
    created: str
    host: str
    service: str


def project(object_: Mapping[str, Any]) -> Alias:
    meta, spec = fields.mapping(object_, "metadata"), fields.mapping(object_, "spec")
    host, to = fields.required(spec, "spec.host"), fields.required(spec, "spec.service")
    return Alias(fields.namespace(meta), fields.name(meta), fields.created(meta), host, to)


ALIASES: Resource[Alias] = Resource("test.wherry.dev", "v1", "aliases", "Alias", project)
ZONES = ALIASES._replace(name="zones", kind="Zone", namespaced=False)
WITH_ALIASES = (*FOLLOWED, Followed(ALIASES, "another host for a Service", labels="seen"))


class Aliases:
    """The graph's part of them."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def nodes(self, snapshot: Snapshot) -> list[Node]:
        services = {(s.namespace, s.name): s for s in snapshot.of(SERVICES)}
        nodes = []
        for one in sorted(snapshot.of(ALIASES), key=lambda a: (a.created, a.namespace, a.name)):
            age, to = (one.created, one.namespace, one.name), services.get((one.namespace, one.service))
            name = f"{one.namespace}/{one.name}"
            if to is None:
                nodes.append(Node(age, rejected=(Rejected(name, "no-service", f"no {one.service}"),)))
                continue
            answers = backend(to, (), Ports(to).choose(None), self._options)
            nodes.append(Node(age, (Claim(name, (one.host, "/"), answers, Settings()),)))
        return nodes


def alias(name: str, host: str, to: str, created: str = "2026-02-01T00:00:00Z") -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "creationTimestamp": created, "labels": {"seen": ""}}
    spec = {"host": host, "service": to}
    return {"apiVersion": "test.wherry.dev/v1", "kind": "Alias", "metadata": meta, "spec": spec}


def routed(snapshot: Snapshot) -> tuple[dict[str, str], list[str]]:
    """Hosts to names, and reasons."""
    table = Router(Options(), (*PARTS, Aliases)).build(snapshot)
    return {r.host: r.name for r in table.routes}, [r.reason for r in table.rejected]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path)
    server.resources["/apis/test.wherry.dev/v1"] = {"aliases": "Alias", "zones": "Zone"}
    yield server
    server.stop()


def cluster(api: ApiServer, *namespaces: str, followed: tuple[Followed, ...] = WITH_ALIASES) -> Cluster:
    policy = Policy(first_pause=0.01, connect=2.0)
    client = Client(Finder(str(api.kubeconfig())), policy)
    return Cluster(client, namespaces, policy=policy, followed=followed)


def test_a_kind_of_the_table_is_listed_and_reaches_the_graph(api: ApiServer) -> None:
    api.create(service("web"))
    api.create(alias("other", "other.example", "web"))
    snapshot = cluster(api, "").list()
    assert [a.host for a in snapshot.of(ALIASES)] == ["other.example"]
    expected = {"web.default.cluster.local": "default/web:80", "other.example": "default/other"}
    assert routed(snapshot) == (expected, [])


def test_a_kind_of_the_table_is_watched_in_its_scope(api: ApiServer) -> None:
    snapshots: list[Snapshot] = []

    class Sink:
        def snapshot(self, snapshot: Snapshot) -> None:
            snapshots.append(snapshot)

        def heartbeat(self) -> None: ...

        def restarted(self, reason: str) -> None: ...

    stop = threading.Event()
    thread = threading.Thread(target=cluster(api, "default").run, args=(Sink(), stop))
    thread.start()
    try:
        wait_until(lambda: snapshots, "the first list")
        api.create(alias("late", "late.example", "web"))
        wait_until(lambda: [a.name for a in snapshots[-1].of(ALIASES)] == ["late"], "the new one")
        api.delete("Alias", "default", "late")
        wait_until(lambda: not snapshots[-1].of(ALIASES), "its end")
    finally:
        stop.set()
        thread.join(10)
    watched = [query for path, query in api.requests if path.endswith("/aliases") and "watch" in query]
    assert watched and all(query["labelSelector"] == "seen" for query in watched)
    assert all("/namespaces/default/" in path for path, _ in api.requests)


def test_an_object_that_is_not_what_its_kind_says_is_told_and_costs_the_others_nothing(
    api: ApiServer,
) -> None:
    api.create(alias("good", "good.example", "web"))
    api.create({**alias("bad", "", "web")})
    snapshot = cluster(api, "").list()
    assert [a.name for a in snapshot.of(ALIASES)] == ["good"]
    assert [tuple(r) for r in snapshot.rejected] == [("default/bad", "bad-object", "spec.host is missing")]


def test_what_is_in_no_namespace_is_listed_once_however_many_are_followed(api: ApiServer) -> None:
    with_zones = cluster(api, "a", "b", followed=(*FOLLOWED, Followed(ZONES, "", labels="")))
    with_zones.list()
    paths = [path for path, _ in api.requests]
    assert paths.count("/apis/test.wherry.dev/v1/zones") == 1
    assert sum(path.endswith("/services") for path in paths) == 2
    api.forbidden.add(("list", "zones"))
    with pytest.raises(ProxyError) as caught:
        with_zones.list()
    assert "zones in all namespaces" in caught.value.message and "a ClusterRole with" in str(
        caught.value.hint
    )


def test_files_of_a_folder_may_hold_a_kind_of_the_table(tmp_path: Path) -> None:
    items = {"apiVersion": "v1", "kind": "AliasList", "items": [{**alias("b", "b.example", "web")}]}
    text = yaml.safe_dump_all([service("web"), alias("a", "a.example", "web"), items])
    (tmp_path / "all.yaml").write_text(text)
    snapshot = Directory(str(tmp_path), WITH_ALIASES).list()
    assert snapshot.rejected == [] and set(routed(snapshot)[0]) == {
        "web.default.cluster.local", "a.example", "b.example"
    }  # fmt: skip
    unknown, _ = Directory(str(tmp_path)).list().rejected
    assert unknown.message.endswith("Alias is not followed; Services and EndpointSlices are")
    assert kinds(WITH_ALIASES) == "Services, EndpointSlices and Aliases"
    assert kinds(WITH_ALIASES[:1]) == "Services"


def test_kinds_of_one_name_are_told_apart_by_their_group(tmp_path: Path) -> None:
    other = ALIASES._replace(group="other.dev")
    followed = (*WITH_ALIASES, Followed(other, ""))
    text = yaml.safe_dump_all(
        [alias("a", "a.example", "web"), {**alias("b", "b.example", "web"), "apiVersion": "other.dev/v1"}]
    )
    (tmp_path / "all.yaml").write_text(text)
    snapshot = Directory(str(tmp_path), followed).list()
    assert [a.name for a in snapshot.of(ALIASES)] == ["a"] and [a.name for a in snapshot.of(other)] == ["b"]


def test_the_oldest_wins_whatever_its_kind_and_the_loser_is_told() -> None:
    def settled(created: str) -> tuple[dict[str, str], list[str]]:
        shop = SERVICES.project(service("shop", annotations={"host": "shop.example"}, created="2026-01-02"))
        one = project(alias("x", "shop.example", "shop", created))
        return routed(Snapshot({SERVICES: [shop], ALIASES: [one]}))

    assert settled("2026-01-01") == ({"shop.example": "default/x"}, ["host-taken"])
    assert settled("2026-01-03") == ({"shop.example": "default/shop:80"}, ["host-taken"])


def test_who_attaches_to_nothing_is_told() -> None:
    assert routed(Snapshot({ALIASES: [project(alias("x", "x.example", "gone"))]})) == ({}, ["no-service"])


def test_the_pod_may_do_what_the_table_says() -> None:
    rule = {"apiGroups": ["test.wherry.dev"], "resources": ["aliases"], "verbs": ["list", "watch"]}
    everywhere = rights(PodOptions("i"), WITH_ALIASES)
    assert everywhere == {("ClusterRole", ""): rules(WITH_ALIASES)} and rule in rules(WITH_ALIASES)
    assert rights(PodOptions("i", watched=("a",)), WITH_ALIASES) == {("Role", "a"): rules(WITH_ALIASES)}


def test_what_is_in_no_namespace_needs_a_cluster_role_beside_the_roles() -> None:
    zones = Followed(ZONES, "", status=("patch",))
    found = rights(PodOptions("i", watched=("a", "b")), (*FOLLOWED, zones))
    assert found == {("Role", "a"): rules(FOLLOWED), ("Role", "b"): rules(FOLLOWED), ("ClusterRole", ""): [
        {"apiGroups": ["test.wherry.dev"], "resources": ["zones"], "verbs": ["list", "watch"]},
        {"apiGroups": ["test.wherry.dev"], "resources": ["zones/status"], "verbs": ["patch"]},
    ]}  # fmt: skip


def rights(options: PodOptions, followed: tuple[Followed, ...]) -> dict[tuple[str, str], Any]:
    """Rules by kind and namespace of what holds them, each of which is bound."""
    objects = manifests(options, followed)
    held = {(o["kind"], o["metadata"].get("namespace", "")): o["rules"] for o in objects if "rules" in o}
    bound = {(o["roleRef"]["kind"], o["metadata"].get("namespace", "")) for o in objects if "roleRef" in o}
    assert bound == set(held)
    return held


def test_the_documentation_has_the_table() -> None:
    assert documentation(FOLLOWED) in DOCS.read_text()
    assert "| Alias | test.wherry.dev/v1 | `seen` | list, watch | another" in documentation(WITH_ALIASES)
    assert "| `--selector` | list, watch; status: patch | x |" in documentation(
        [Followed(ZONES, "x", status=("patch",))]
    )
