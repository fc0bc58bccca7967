"""From Kubernetes objects to routes: defaults, ports, types, endpoints, and who wins."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.services import endpoint, port, service, slice_of, snapshot, table
from wherry.kube.fields import BadObject
from wherry.proxy import names
from wherry.proxy.graph.options import Options
from wherry.proxy.model import Route, Table
from wherry.proxy.resources.service import SERVICES, Port, Service
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.routes import Router


def only(made: Table) -> Route:
    assert made.rejected == () and len(made.routes) == 1, made
    return made.routes[0]


def reasons(made: Table) -> list[str]:
    return [r.reason for r in made.rejected]


def test_a_service_needs_no_annotation() -> None:
    route = only(table(service("web", "shop")))
    assert (route.name, route.host, route.path) == ("shop/web:80", "web.shop.cluster.local", "/")
    assert route.addresses == ("10.0.0.1:80",)
    assert route.settings.read_timeout == 60_000 and route.settings.body_size == 1 << 20


def test_the_domain_ends_the_default_host() -> None:
    assert only(table(service(), domain="apps.example")).host == "web.default.apps.example"


@pytest.mark.parametrize(
    "ports, wanted, name",
    [
        ([port(8080, "a"), port(80, "b")], None, "b"),
        ([port(80, "b"), port(8080, "http")], None, "http"),
        ([port(8080, "first"), port(9090, "second")], None, "first"),
        ([port(53, "dns", protocol="UDP"), port(9090, "second")], None, "second"),
        ([port(8080, "a"), port(9090, "b")], "b", "b"),
        ([port(8080, "a"), port(9090, "b")], "9090", "b"),
    ],
)
def test_the_port_is_the_one_asked_for_or_http_or_80_or_the_first(
    ports: list[dict[str, Any]], wanted: str | None, name: str
) -> None:
    annotations = {"port": wanted} if wanted else {}
    assert only(table(service(ports=ports, annotations=annotations))).name == f"default/web:{name}"


def test_a_ports_name_behind_a_dot_makes_another_route() -> None:
    annotations = {"host": "a.example", "host.admin": "admin.example", "read-timeout.admin": "5m"}
    made = table(service(ports=[port(80, "http"), port(9000, "admin")], annotations=annotations))
    found = {r.host: (r.addresses, r.settings.read_timeout) for r in made.routes}
    assert found == {
        "a.example": (("10.0.0.1:80",), 60_000),
        "admin.example": (("10.0.0.1:9000",), 300_000),
    }


class Walked(tuple[Port, ...]):
    """Ports that count how often somebody goes through them."""

    times = 0

    def __iter__(self) -> Iterator[Port]:
        Walked.times += 1
        return super().__iter__()


def test_a_services_ports_are_gone_through_once_however_many_are_asked_for() -> None:
    numbers = range(1, 201)
    ports = Walked(Port(f"p{number}", number, number) for number in numbers)
    hosts = tuple(sorted((f"host.p{number}", f"h{number}.example") for number in numbers))
    asked = Service("default", "web", cluster_ip="10.0.0.1", ports=ports, annotations=hosts)
    made = Router(Options()).build(Snapshot({SERVICES: [asked]}))
    assert len(made.routes) == len(numbers) + 1 and Walked.times == 1


def test_several_hosts_and_a_wildcard() -> None:
    made = table(service(annotations={"host": "A.example, *.b.example,a.example", "path": "/api/"}))
    assert [(r.host, r.path) for r in made.routes] == [("a.example", "/api"), ("*.b.example", "/api")]


@pytest.mark.parametrize("name, protocol", [("https", "https"), ("http", "http"), ("x", "http")])
def test_a_port_named_https_speaks_it(name: str, protocol: str) -> None:
    assert only(table(service(ports=[port(8443, name)]))).settings.protocol == protocol


def test_a_service_without_a_ready_endpoint_is_a_route_to_nowhere() -> None:
    made = table(service(), slice_of("web", endpoint("10.1.0.1", ready=False)))
    assert only(made).addresses == ()


def test_requests_go_to_the_cluster_ip_as_long_as_an_endpoint_is_ready() -> None:
    made = table(service(), slice_of("web", endpoint("10.1.0.1")))
    assert only(made).addresses == ("10.0.0.1:80",)


def test_with_endpoints_requests_go_to_the_ready_addresses_only() -> None:
    made = table(
        service(),
        slice_of(
            "web",
            endpoint("10.1.0.2"),
            endpoint("10.1.0.1"),
            endpoint("10.1.0.3", ready=False),
            endpoint("10.1.0.4", ready=False, serving=True, terminating=True),
            {"addresses": ["10.1.0.5"]},
        ),
        endpoints=True,
    )
    assert only(made).addresses == ("10.1.0.1:8080", "10.1.0.2:8080", "10.1.0.5:8080")
    assert only(made).spare == "10.0.0.1:80"


def test_an_endpoints_port_is_found_by_its_name() -> None:
    ports = [port(9000, "metrics"), port(8080, "http")]
    made = table(
        service(ports=[port(80, "http"), port(81, "metrics")]),
        slice_of("web", endpoint("10.1.0.1"), ports=ports),
        endpoints=True,
    )
    assert only(made).addresses == ("10.1.0.1:8080",)


def test_several_slices_are_one_upstream() -> None:
    two = slice_of("web", endpoint("10.1.0.2"), endpoint("10.1.0.1"))
    two["metadata"]["name"] = "web-two"
    made = table(service(), slice_of("web", endpoint("10.1.0.1")), two, endpoints=True)
    assert only(made).addresses == ("10.1.0.1:8080", "10.1.0.2:8080")


@pytest.mark.parametrize(
    ("cluster_ip", "used"), [("10.0.0.1", "10.1.0.1:8080"), ("fd00::1", "[fd01::1]:8080")]
)
def test_a_pod_of_a_dual_stack_service_is_used_once(cluster_ip: str, used: str) -> None:
    six = slice_of("web", endpoint("fd01::1"))
    six["metadata"]["name"], six["addressType"] = "web-six", "IPv6"
    web = service(clusterIP=cluster_ip)
    assert only(table(web, slice_of("web", endpoint("10.1.0.1")), six, endpoints=True)).addresses == (used,)
    assert only(table(web, six, endpoints=True)).addresses == ("[fd01::1]:8080",)


def test_a_slice_of_names_has_no_addresses() -> None:
    named = slice_of("web", endpoint("pod.example"))
    named["metadata"]["name"], named["addressType"] = "web-names", "FQDN"
    made = table(service(), slice_of("web", endpoint("10.1.0.1")), named, endpoints=True)
    assert only(made).addresses == ("10.1.0.1:8080",) and not made.rejected


@pytest.mark.parametrize("ready", [True, False, None])
@pytest.mark.parametrize("serving", [True, False, None])
@pytest.mark.parametrize("terminating", [True, False, None])
@pytest.mark.parametrize("beside", [True, False])
def test_every_combination_of_an_endpoints_conditions(
    ready: bool | None, serving: bool | None, terminating: bool | None, beside: bool
) -> None:
    """Without a word ready and serving are true, terminating is false; the last resort only alone."""
    conditions = {"ready": ready, "serving": serving, "terminating": terminating}
    said = {k: v for k, v in conditions.items() if v is not None}
    ends = [{"addresses": ["10.1.0.1"], "conditions": said}]
    others = [slice_of("web", endpoint("10.1.0.9"))] if beside else []
    made = table(service(), slice_of("web", *ends), *others, endpoints=True)
    used = "10.1.0.1:8080" in only(made).addresses
    if ready is not False:
        assert used
    else:
        assert used == (serving is not False and terminating is True and not beside)
    whole = table(service(), slice_of("web", *ends), *others, slices=True)
    assert only(whole).addresses == (("10.0.0.1:80",) if used or beside else ())


def test_the_last_resort_of_a_port_is_a_slice_of_that_port() -> None:
    """A ready pod that does not have the port is no reason to leave the one that ends and has it."""
    made = table(
        service(),
        slice_of("web", endpoint("10.1.0.1"), ports=[port(9000, "other")]),
        slice_of("web", endpoint("10.1.0.2", ready=False, serving=True, terminating=True)),
        endpoints=True,
    )
    assert only(made).addresses == ("10.1.0.2:8080",)


def test_a_service_whose_slices_would_be_known_and_are_not_has_no_pod() -> None:
    assert only(table(service(), slices=True)).addresses == ()
    assert only(table(service())).addresses == ("10.0.0.1:80",), "a folder knows of no slices"


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ("http", "http"),
        ("HTTP", "http"),
        ("www", "http"),
        ("https", "https"),
        ("HTTPS", "https"),
        ("kubernetes.io/ws", "http"),
        ("kubernetes.io/wss", "https"),
        ("kubernetes.io/h2c", None),
        ("grpc", None),
        ("tcp", None),
        ("redis", None),
        ("example.com/own", None),
        ("https; return 200", None),
        ("\x1b[0m", None),
    ],
)
def test_app_protocol_is_followed_or_reported(said: str, spoken: str | None) -> None:
    made = table(service(ports=[port(80, "web", appProtocol=said)]))
    if spoken is None:
        assert made.routes == () and reasons(made) == ["bad-protocol"]
        assert made.rejected[0].message.isprintable()
        asked = service(ports=[port(80, "web", appProtocol=said)], annotations={"protocol": "http"})
        assert only(table(asked)).settings.protocol == "http", "whoever asks for it gets it"
    else:
        assert only(made).settings.protocol == spoken


def test_app_protocol_is_stronger_than_the_ports_name() -> None:
    plain = table(service(ports=[port(443, "https", appProtocol="http")]))
    assert only(plain).settings.protocol == "http"


@pytest.mark.parametrize("ip", ["None", ""])
def test_a_headless_service_goes_to_its_endpoints(ip: str) -> None:
    made = table(service(clusterIP=ip), slice_of("web", endpoint("10.1.0.1")))
    assert only(made).addresses == ("10.1.0.1:8080",)
    assert only(table(service(clusterIP=ip))).addresses == ()


def test_an_external_name_is_looked_up_by_nginx() -> None:
    external = service(type="ExternalName", externalName="Api.Example.", clusterIP="", ports=[])
    assert only(table(external, names=True)).addresses == ("api.example:80",)
    assert reasons(table(external)) == ["no-resolver"]


@pytest.mark.parametrize(
    "name", ["10.0.0.1", "localhost", "x.localhost", "0x7f000001", "127.1", "a b", "[::1]"]
)
def test_an_external_name_is_never_an_address_or_this_machine(name: str) -> None:
    external = service(type="ExternalName", externalName=name, clusterIP="", ports=[])
    assert reasons(table(external, names=True)) == ["bad-address"]


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "::1", "::ffff:127.0.0.1", "224.0.0.1"]
)
def test_no_address_leads_to_the_proxy_itself_or_the_node(ip: str) -> None:
    assert reasons(table(service(clusterIP=ip))) == ["bad-address"]
    made = table(service(clusterIP="None"), slice_of("web", endpoint(ip)))
    assert reasons(made) == ["bad-address"]


_OCTETS = st.one_of(
    st.sampled_from(["0", "127", "169", "254", "224", "239", "255", "256", "01", "", "1٣"]),
    st.integers(0, 300).map(str),
)


@given(st.lists(_OCTETS, min_size=3, max_size=5).map(".".join))
def test_an_address_that_is_told_by_its_looks_is_what_the_library_says(text: str) -> None:
    try:
        ip = ipaddress.IPv4Address(text)
        fit = not (ip.is_unspecified or ip.is_multicast or ip.is_loopback or ip.is_link_local)
    except ValueError:
        fit = False
    try:
        assert names.address(text, local=False) == text and fit
    except names.Refused:
        assert not fit


def test_the_oldest_service_has_the_host_and_the_loser_is_told() -> None:
    shared = {"annotations": {"host": "a.example"}}
    made = table(
        service("young", created="2026-02-01T00:00:00Z", **shared),
        service("old", created="2026-01-01T00:00:00Z", **shared),
        service("b-same-age", created="2026-01-01T00:00:00Z", **shared),
        service("no-date", created="", **shared),
    )
    assert [r.name for r in made.routes] == ["default/b-same-age:80"]
    assert {r.name for r in made.rejected} == {"default/old:80", "default/young:80", "default/no-date:80"}
    assert {r.message for r in made.rejected} == {
        "a.example/ belongs to default/b-same-age:80, which came first"
    }


def test_different_paths_of_one_host_do_not_meet() -> None:
    made = table(
        service("one", annotations={"host": "a.example", "path": "/"}),
        service("two", annotations={"host": "a.example", "path": "/api"}),
    )
    assert len(made.routes) == 2 and made.rejected == ()


def test_a_type_change_changes_the_route_and_nothing_is_remembered_wrongly() -> None:
    router = Router(Options(names=True))
    kinds = [
        (service(), ("10.0.0.1:80",)),
        (service(type="ExternalName", externalName="x.example", clusterIP="", ports=[]), ("x.example:80",)),
        (service(clusterIP="None"), ()),
        (service(type="NodePort"), ("10.0.0.1:80",)),
        (service(type="LoadBalancer", clusterIP="10.0.0.9"), ("10.0.0.9:80",)),
    ]
    for object_, addresses in (*kinds, *reversed(kinds)):
        assert only(router.build(snapshot(object_))).addresses == addresses


@pytest.mark.parametrize(
    "annotations, reason",
    [
        ({"host": "a b"}, "bad-annotation"),
        ({"path": "api"}, "bad-annotation"),
        ({"path": "/a/../b"}, "bad-annotation"),
        ({"port": "0"}, "no-port"),
        ({"port": "nope"}, "no-port"),
        ({"protocol": "ftp"}, "bad-annotation"),
        ({"read-timeout": "0s"}, "bad-annotation"),
        ({"read-timeout": "25h"}, "bad-annotation"),
        ({"body-size": "-1"}, "bad-annotation"),
        ({"websocket": "yes"}, "bad-annotation"),
    ],
)
def test_half_a_route_is_not_served(annotations: dict[str, str], reason: str) -> None:
    made = table(service(annotations=annotations), service("other"))
    assert reasons(made) == [reason]
    assert [r.name for r in made.routes] == ["default/other:80"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("hosts", "did you mean host?"),
        ("hots", "did you mean host?"),
        ("Host", "did you mean host?"),
        ("pth", "did you mean path?"),
        ("read_timeout", "did you mean read-timeout?"),
        ("auth", "is not an annotation of wherry"),
        ("expose", "make it a label"),
        ("", "is not an annotation of wherry"),
        ("port.admin", "did you mean port?"),
    ],
)
def test_a_name_that_is_not_known_is_not_served(name: str, hint: str) -> None:
    """Somebody who mistypes the path, or asks for a password, must not find everything open."""
    made = table(service(annotations={name: "a.example"}), service("other"))
    if name != "port.admin":
        assert [r.name for r in made.routes] == ["default/other:80"]
    assert reasons(made) == ["unknown-annotation"] and hint in made.rejected[0].message


def test_an_unknown_name_for_one_port_costs_that_port_only() -> None:
    ports = [port(80, "http"), port(9000, "admin")]
    wished = {"host": "a.example", "host.admin": "admin.example"}
    made = table(service(ports=ports, annotations=wished | {"pth.admin": "/secret"}))
    assert [r.host for r in made.routes] == ["a.example"] and reasons(made) == ["unknown-annotation"]
    made = table(service(ports=ports, annotations=wished | {"pth": "/secret"}))
    assert made.routes == () and reasons(made) == ["unknown-annotation"]


@pytest.mark.parametrize(
    "text, field, value",
    [
        ("250ms", "read_timeout", 250),
        ("30", "read_timeout", 30_000),
        ("2m", "read_timeout", 120_000),
        ("24h", "read_timeout", 86_400_000),
    ],
)
def test_times_are_read_as_nginx_writes_them(text: str, field: str, value: int) -> None:
    assert getattr(only(table(service(annotations={"read-timeout": text}))).settings, field) == value


@pytest.mark.parametrize(
    "text, size", [("0", 0), ("512k", 512 << 10), ("10M", 10 << 20), ("1g", 1 << 30), ("7", 7)]
)
def test_sizes_are_read_as_nginx_writes_them(text: str, size: int) -> None:
    assert only(table(service(annotations={"body-size": text}))).settings.body_size == size


def test_nobody_makes_the_others_slow_with_settings_of_his_own() -> None:
    made = table(*(service(f"s{i}", annotations={"read-timeout": f"{i + 1}ms"}) for i in range(205)))
    assert len(made.routes) == 200 and reasons(made) == ["too-many-settings"] * 5


def test_the_api_server_itself_is_published_only_by_whoever_annotates_it() -> None:
    assert table(service("kubernetes")).routes == ()
    assert only(table(service("kubernetes", annotations={"host": "api.example"}))).host == "api.example"


def test_a_table_built_step_by_step_is_the_table_built_at_once() -> None:
    objects = [
        service(
            f"s{i}", created=f"2026-01-{i % 28 + 1:02}T00:00:00Z", annotations={"host": f"h{i % 7}.example"}
        )
        for i in range(40)
    ]
    router = Router(Options())
    for end in range(len(objects) + 1):
        router.build(snapshot(*objects[:end]))
    assert router.build(snapshot(*objects)) == table(*objects)
    assert router.build(snapshot(*reversed(objects))) == table(*objects)


@pytest.mark.parametrize(
    "object_, field",
    [
        ({"metadata": {"name": "x"}, "spec": {"ports": "80"}}, "spec.ports"),
        ({"metadata": {"name": "x"}, "spec": {"ports": [{"port": "80"}]}}, "spec.ports[0].port"),
        ({"metadata": {"name": "x"}, "spec": {"ports": [{"port": True}]}}, "spec.ports[0].port"),
        ({"metadata": {"name": "x"}, "spec": {"ports": [{"port": 70000}]}}, "spec.ports[0].port"),
        ({"metadata": {"name": 5}}, "metadata.name"),
        ({"metadata": {}}, "metadata.name"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"name": "x", "annotations": {"wherry.dev/port": 80}}}, "quote it"),
        ({"metadata": {"name": "x", "annotations": {"Wherry.dev/host": "a"}}}, "small letters"),
        ({"metadata": {"name": "x"}, "spec": {"externalName": ["x"]}}, "spec.externalName"),
    ],
)
def test_what_is_no_service_is_named_by_its_field(object_: dict[str, Any], field: str) -> None:
    with pytest.raises(BadObject) as caught:
        SERVICES.project(object_)
    assert field in str(caught.value)
