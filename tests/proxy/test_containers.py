"""Local containers as a source: what labels and variables ask for, and real ones behind a real nginx."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.conftest import Start
from support.ports import free_port
from support.proxy import Load, ask
from support.waiting import wait_until
from support.wherry import Wherry
from wherry.proxy.graph.options import Options
from wherry.proxy.model import Route, Table
from wherry.proxy.routes import Router
from wherry.proxy.sources.containers import project


def container(name: str = "web", env: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A running container as inspect shows it, on a network of its own unless `more` says otherwise."""
    return {
        "Name": f"/{name}",
        "Created": more.get("created", "2026-01-01T00:00:00Z"),
        "State": {"Running": more.get("running", True)},
        "Config": {
            "Env": [f"{k}={v}" for k, v in {"PATH": "/bin", **(env or {})}.items()],
            "Labels": more.get("labels", {}),
            "ExposedPorts": {p: {} for p in more.get("exposed", ())},
        },
        "HostConfig": {"NetworkMode": more.get("network", "default")},
        "NetworkSettings": {"Ports": more.get("ports", {}), "IPAddress": more.get("ip", "10.88.0.2")},
    }


def table(*containers: dict[str, Any]) -> Table:
    return Router(Options(domain="localhost", local=True)).build(project(containers))


def only(*containers: dict[str, Any]) -> Route:
    made = table(*containers)
    assert made.rejected == () and len(made.routes) == 1, made
    return made.routes[0]


HOST = {"VIRTUAL_HOST": "app.example"}


def test_a_container_without_a_host_or_that_does_not_run_is_passed_over() -> None:
    assert table(container(), container("gone", HOST, running=False)) == Table()


def test_host_path_port_and_protocol_are_nginx_proxys() -> None:
    said = {**HOST, "VIRTUAL_PORT": "8443", "VIRTUAL_PATH": "/api", "VIRTUAL_PROTO": "https"}
    route = only(container(env=said))
    assert (route.host, route.path, route.addresses) == ("app.example", "/api", ("10.88.0.2:8443",))
    assert route.settings.protocol == "https"


def test_several_hosts_are_as_many_routes() -> None:
    made = table(container(env={"VIRTUAL_HOST": "a.example, *.b.example"}))
    assert [r.host for r in made.routes] == ["a.example", "*.b.example"] and made.rejected == ()


def test_a_label_wins_and_further_ones_say_the_rest() -> None:
    labels = {"VIRTUAL_HOST": "label.example", "wherry.dev/read-timeout": "2s"}
    route = only(container(env=HOST, labels=labels))
    assert route.host == "label.example" and route.settings.read_timeout == 2000


@pytest.mark.parametrize(
    ("exposed", "port"),
    [((), 80), (("8080/tcp",), 8080), (("8080/tcp", "9090/tcp"), 80), (("53/udp", "8080"), 8080)],
)
def test_the_port_is_the_only_exposed_one_or_80(exposed: tuple[str, ...], port: int) -> None:
    assert only(container(env=HOST, exposed=exposed)).addresses == (f"10.88.0.2:{port}",)


def shares(*containers: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    made = table(*containers)
    assert made.rejected == ()
    return {route.host: route.addresses for route in made.routes}


@pytest.mark.parametrize(("one", "two"), [("a,b", "b,a"), ("a, b", "B,a"), ("a,b,a", "b,a,b")])
def test_the_order_of_hosts_says_nothing(one: str, two: str) -> None:
    both = ("10.88.0.2:80", "10.88.0.3:80")
    first = container("one", {"VIRTUAL_HOST": one}, ip="10.88.0.2")
    second = container("two", {"VIRTUAL_HOST": two}, ip="10.88.0.3")
    assert shares(first, second) == {"a": both, "b": both}


def test_containers_share_host_by_host() -> None:
    one = container("web", {"VIRTUAL_HOST": "a,b"}, ip="10.88.0.2")
    two = container("web-2", {"VIRTUAL_HOST": "b,c"}, ip="10.88.0.3", created="2026-01-02T00:00:00Z")
    three = container("x", {"VIRTUAL_HOST": "c"}, ip="10.88.0.4", created="2026-01-03T00:00:00Z")
    assert shares(one, two, three) == {
        "a": ("10.88.0.2:80",),
        "b": ("10.88.0.2:80", "10.88.0.3:80"),
        "c": ("10.88.0.3:80", "10.88.0.4:80"),
    }


def test_who_wants_a_host_with_other_settings_is_told_who_has_it() -> None:
    one = container("one", {"VIRTUAL_HOST": "a,b"})
    labels = {"wherry.dev/read-timeout": "2s"}
    two = container("two", {"VIRTUAL_HOST": "b,c"}, labels=labels, created="2026-01-02T00:00:00Z")
    made = table(one, two)
    assert [r.host for r in made.routes] == ["a", "b", "c"]
    assert [r.reason for r in made.rejected] == ["host-taken"]


@pytest.mark.parametrize("port", ["0", "65536", "http", "80;", "-1", "8 0", "\u0668\u0660"])
def test_a_port_that_is_none_is_said(port: str) -> None:
    (rejected,) = table(container(env={**HOST, "VIRTUAL_PORT": port})).rejected
    assert (rejected.name, rejected.message) == ("containers/web", "VIRTUAL_PORT is not a port number")


def test_it_is_reached_as_this_machine_reaches_it() -> None:
    published = {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "49153"}]}
    assert only(container(env=HOST, ports=published)).addresses == ("127.0.0.1:49153",)
    elsewhere = {"80/tcp": [{"HostIp": "127.0.0.2", "HostPort": "49154"}]}
    assert only(container(env=HOST, ports=elsewhere)).addresses == ("127.0.0.2:49154",)
    assert only(container(env=HOST, network="host", ip="")).addresses == ("127.0.0.1:80",)


def test_one_that_cannot_be_reached_is_told_what_to_do() -> None:
    (rejected,) = table(container(env=HOST, ip="")).rejected
    assert rejected.message == "port 80 is not published: start it with -p 80, or with --network host"


def test_containers_with_one_wish_share_the_requests() -> None:
    route = only(container("a", HOST, ip="10.88.0.2"), container("b", HOST, ip="10.88.0.3"))
    assert route.addresses == ("10.88.0.2:80", "10.88.0.3:80")


@pytest.mark.parametrize(
    "host", ["a;b", "a b.example\n", 'x" ; }', "$host", "..", "a" * 254, "\u00e4.example", "{}", "~.*"]
)
def test_whatever_an_image_asks_for_costs_only_its_own_route(host: str) -> None:
    made = table(container("bad", {"VIRTUAL_HOST": host}), container("good", HOST))
    assert [r.host for r in made.routes] == ["app.example"]
    assert [r.name for r in made.rejected] == ["containers/bad"]


@pytest.mark.parametrize("name", ["Web_1", "-x-", "", "a" * 80, "\u00e4"])
def test_any_name_of_a_container_is_one_of_a_service(name: str) -> None:
    assert only(container(name, HOST)).host == "app.example"


@pytest.mark.nginx
def test_containers_that_start_and_stop_are_followed(bb: Wherry, start: Start) -> None:
    door, ports = free_port(), (free_port(), free_port())

    def serve(name: str, port: int) -> None:
        page = f'mkdir /w; echo \'{{"name": "{name}"}}\' > /w/index.html'
        script = f"{page}; exec httpd -f -p 127.0.0.1:{port} -h /w"
        asked = ("-e", "VIRTUAL_HOST=app.localhost", "-e", f"VIRTUAL_PORT={port}")
        bb("run", "-d", "--name", name, "--network", "host", *asked, "bb", "sh", "-c", script)

    def said() -> str:
        found = ask(door, "app.localhost")
        return str(found.json()["name"]) if found.status == 200 else str(found.status)

    bb("run", "-d", "--name", "quiet", "--network", "host", "bb", "sleep", "60")
    words = ("run", "--containers", "--listen", f"127.0.0.1:{door}", "--access-log", "off")
    proxy = start(*words, env={"WHERRY_ROOT": str(bb.root)})
    proxy.says("started: generation 1")
    assert ask(door, "app.localhost").status == 404
    serve("one", ports[0])
    wait_until(lambda: said() == "one")
    with Load(door, "app.localhost") as load:
        serve("two", ports[1])
        wait_until(lambda: said() == "two")
        wait_until(lambda: said() == "one")
    assert set(load.seen) == {"one", "two"}, load.seen
    bb("kill", "one")
    wait_until(lambda: {said() for _ in range(6)} == {"two"})
    bb("kill", "two")
    wait_until(lambda: ask(door, "app.localhost").status == 404)
