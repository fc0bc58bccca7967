"""wherry's list and watch, held against a real API server."""

from __future__ import annotations

from typing import Any

from cluster.apiserver import ApiServer, Request
from cluster.conftest import Follow
from cluster.follower import QUICK, Wire
from cluster.objects import endpoint, endpoint_slice, service
from wherry.proxy.resources.service import SERVICES


def lists(api: ApiServer, namespace: str) -> list[Request]:
    return asked(api, "list", namespace)


def watches(api: ApiServer, namespace: str) -> list[Request]:
    return asked(api, "watch", namespace)


def asked(api: ApiServer, verb: str, namespace: str) -> list[Request]:
    """For Services."""
    return [r for r in api.requests() if r[:3] == (verb, "services", namespace)]


def annotated(**annotations: str) -> dict[str, Any]:
    return {"metadata": {"annotations": {f"wherry.dev/{name}": text for name, text in annotations.items()}}}


def test_a_list_of_several_pages_is_whole(api: ApiServer, follow: Follow, namespace: str) -> None:
    names = [f"s{number}" for number in range(10)]
    for name in names:
        api.create(service(namespace, name))
    with follow([namespace], policy=QUICK._replace(page_size=3)) as follower:
        follower.sees(*[f"{namespace}/{name}" for name in names])
    pages = lists(api, namespace)
    assert [page.query["limit"] for page in pages] == ["3"] * 4
    assert ["continue" in page.query for page in pages] == [False, True, True, True]
    assert len(follower.snapshots[0].of(SERVICES)) == 10


def test_nothing_in_a_namespace_is_a_snapshot_too(follow: Follow, namespace: str) -> None:
    with follow([namespace]) as follower:
        follower.sees()
        follower.until(lambda: follower.heartbeats, "no heartbeat")


def test_created_changed_labelled_unlabelled_and_deleted(
    api: ApiServer, follow: Follow, namespace: str
) -> None:
    a, b = f"{namespace}/a", f"{namespace}/b"
    api.create(service(namespace, "a", {"expose": "true"}))
    with follow([namespace], "expose=true") as follower:
        follower.sees(a)
        api.create(service(namespace, "b"))
        api.label("Service", namespace, "b", expose="true")
        follower.sees(a, b)
        api.merge("Service", namespace, "b", annotated(host="b.example"))
        follower.until(
            lambda: follower.services[b].annotations == (("host", "b.example"),), "no annotation"
        )
        api.label("Service", namespace, "b", expose=None)
        follower.sees(a)
        api.label("Service", namespace, "b", expose="true")
        follower.sees(a, b)
        api.delete("Service", namespace, "a")
        follower.sees(b)
    assert len(lists(api, namespace)) == 1
    assert follower.restarts == []


def test_one_made_again_under_its_name_is_another(api: ApiServer, follow: Follow, namespace: str) -> None:
    name = f"{namespace}/a"
    first = api.create(service(namespace, "a"))["metadata"]["uid"]
    with follow([namespace]) as follower:
        follower.sees(name)
        assert follower.services[name].uid == first
        api.delete("Service", namespace, "a")
        second = api.create(service(namespace, "a"))["metadata"]["uid"]
        follower.until(
            lambda: follower.services.get(name) and follower.services[name].uid == second, "not seen"
        )
    assert first != second


def test_a_service_that_changes_its_type(api: ApiServer, follow: Follow, namespace: str) -> None:
    name = f"{namespace}/a"
    made = api.create(service(namespace, "a"))
    with follow([namespace]) as follower:
        follower.sees(name)
        assert follower.services[name].cluster_ip == made["spec"]["clusterIP"]
        api.replace(service(namespace, "a", type="ExternalName", externalName="elsewhere.example"))
        follower.until(lambda: follower.services[name].external_name == "elsewhere.example", "not external")
        assert (follower.services[name].type, follower.services[name].cluster_ip) == ("ExternalName", "")
        ports = [{"name": "http", "port": 81}]
        api.replace(service(namespace, "a", type="ClusterIP", clusterIP="None", ports=ports))
        follower.until(lambda: follower.services[name].cluster_ip == "None", "not headless")
        assert [p.port for p in follower.services[name].ports] == [81]


def test_bookmarks_move_the_place_from_where_a_watch_goes_on(
    api: ApiServer, follow: Follow, namespace: str
) -> None:
    """The server sends one two seconds before a watch's end; no event tells what others have written."""
    api.create(service(namespace, "a"))
    with follow([namespace], policy=QUICK._replace(watch=4.0)) as follower:
        follower.sees(f"{namespace}/a")
        for number in range(5):
            api.create(service("elsewhere", f"s{number}"))
        newest = int(api.create(service("elsewhere", "last"))["metadata"]["resourceVersion"])
        before = len(watches(api, namespace))
        follower.until(lambda: len(watches(api, namespace)) > before, "no other watch")
        resumed = watches(api, namespace)[-1]
    assert int(resumed.query["resourceVersion"]) >= newest
    assert resumed.query["allowWatchBookmarks"] == "true"
    assert set(follower.restarts) == {"timeout"}
    assert len(lists(api, namespace)) == 1
    assert len(follower.snapshots) == 1, "a bookmark is no news"


def test_a_cut_connection_is_resumed_without_listing_again(
    api: ApiServer, wire: Wire, follow_by_wire: Follow, namespace: str
) -> None:
    api.create(service(namespace, "gone"))
    api.create(service(namespace, "stays"))
    with follow_by_wire([namespace]) as follower:
        follower.sees(f"{namespace}/gone", f"{namespace}/stays")
        wire.down()
        api.delete("Service", namespace, "gone")
        api.create(service(namespace, "new"))
        follower.until(
            lambda: any("cannot reach" in s or "broke" in s for s in follower.said), "no complaint"
        )
        assert set(follower.services) == {f"{namespace}/gone", f"{namespace}/stays"}, "held on to meanwhile"
        wire.up()
        follower.sees(f"{namespace}/stays", f"{namespace}/new")
        follower.until(lambda: any("followed again" in s for s in follower.said), "not said")
    assert len(lists(api, namespace)) == 1
    assert "dropped" in follower.restarts


def test_a_connection_that_carries_nothing_any_more_is_left(
    api: ApiServer, wire: Wire, follow_by_wire: Follow, namespace: str
) -> None:
    api.create(service(namespace, "a"))
    with follow_by_wire([namespace], policy=QUICK._replace(inactivity=1.5)) as follower:
        follower.sees(f"{namespace}/a")
        follower.until(lambda: len(watches(api, namespace)) == 1, "no watch")
        wire.freeze()
        api.create(service(namespace, "b"))
        follower.sees(f"{namespace}/a", f"{namespace}/b")
    assert follower.restarts[0] == "silent"


def test_a_server_that_is_killed_and_comes_back(api: ApiServer, follow: Follow, namespace: str) -> None:
    api.create(service(namespace, "a"))
    with follow([namespace]) as follower:
        follower.sees(f"{namespace}/a")
        api.stop()
        follower.until(lambda: any("cannot reach" in line for line in follower.said), "no complaint")
        assert set(follower.services) == {f"{namespace}/a"}, "what was known stays in force"
        api.start()
        api.create(service(namespace, "b"))
        follower.sees(f"{namespace}/a", f"{namespace}/b")


def test_after_a_compaction_a_410_relists_and_reports_what_vanished(
    api: ApiServer, wire: Wire, follow_by_wire: Follow, namespace: str
) -> None:
    for name in ("gone", "changed", "stays"):
        api.create(service(namespace, name))
    with follow_by_wire([namespace], policy=QUICK._replace(page_size=2)) as follower:
        follower.sees(*[f"{namespace}/{name}" for name in ("gone", "changed", "stays")])
        wire.down()
        api.delete("Service", namespace, "gone")
        api.merge("Service", namespace, "changed", annotated(path="/x"))
        api.create(service(namespace, "new"))
        api.compact()
        api.stop()
        api.start()
        wire.up()
        follower.sees(*[f"{namespace}/{name}" for name in ("changed", "stays", "new")])
        assert follower.services[f"{namespace}/changed"].annotations == (("path", "/x"),)
    assert "410" in follower.restarts
    assert len(follower.snapshots) == 2, "the relist is one change, whatever its pages"


def test_several_namespaces_and_no_other(api: ApiServer, follow: Follow, namespace: str) -> None:
    one, two, other = f"{namespace}-1", f"{namespace}-2", f"{namespace}-3"
    for place in (one, two, other):
        api.create(service(place, "a"))
    with follow([one, two]) as follower:
        follower.sees(f"{one}/a", f"{two}/a")
        api.create(service(other, "b"))
        api.create(service(two, "b"))
        follower.sees(f"{one}/a", f"{two}/a", f"{two}/b")
    assert {r.namespace for r in api.requests() if r.namespace.startswith(namespace)} == {one, two}


def test_all_namespaces_have_one_watch(api: ApiServer, follow: Follow, namespace: str) -> None:
    one, two = f"{namespace}-1", f"{namespace}-2"
    for place in (one, two):
        api.create(service(place, "a", {"in": namespace}))
    with follow([""], f"in={namespace}") as follower:
        follower.sees(f"{one}/a", f"{two}/a")
        api.delete("Service", one, "a")
        follower.sees(f"{two}/a")


def test_endpoint_slices_that_come_change_and_go(api: ApiServer, follow: Follow, namespace: str) -> None:
    name = f"{namespace}/a-1"
    api.create(service(namespace, "a"))
    with follow([namespace]) as follower:
        follower.sees(f"{namespace}/a")
        ends = [
            endpoint("10.0.0.1"),
            endpoint("10.0.0.2", ready=False),
            endpoint("10.0.0.3", ready=False, terminating=True),
        ]
        api.create(endpoint_slice(namespace, "a", ends))
        follower.until(lambda: name in follower.slices, "no slice")
        assert (follower.slices[name].service, follower.slices[name].addresses) == ("a", ("10.0.0.1",))
        ends[1] = endpoint("10.0.0.2")
        api.replace(endpoint_slice(namespace, "a", ends))
        follower.until(lambda: follower.slices[name].addresses == ("10.0.0.1", "10.0.0.2"), "not ready")
        api.delete("EndpointSlice", namespace, "a-1")
        follower.until(lambda: not follower.slices, "still there")


def test_a_slice_of_no_service_is_not_asked_for(api: ApiServer, follow: Follow, namespace: str) -> None:
    stray = endpoint_slice(namespace, "a", [endpoint("10.0.0.1")], "stray")
    del stray["metadata"]["labels"]
    api.create(stray)
    api.create(endpoint_slice(namespace, "a", [endpoint("10.0.0.2")]))
    with follow([namespace]) as follower:
        follower.until(lambda: follower.snapshots, "nothing")
    assert set(follower.slices) == {f"{namespace}/a-1"}
