"""What is written is what was meant: any text in every field, read back by crossplane and by nginx."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.conf import complaint, intended, parsed
from support.services import endpoint, port, service, slice_of, table
from wherry.kube.fields import BadObject
from wherry.proxy.graph.options import Options
from wherry.proxy.model import Table
from wherry.proxy.nginx.render import RenderOptions, render, tree
from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES
from wherry.proxy.resources.service import SERVICES, Service
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.routes import Router

OPTIONS = RenderOptions(listen=("127.0.0.1:8080",), resolver=("10.0.0.53",), trusted=("10.0.0.0/8",))

NASTY = (
    "\n",
    "\r",
    "\r\n",
    "\0",
    "\t",
    "\x7f",
    "\x1b[0m",
    ";",
    "{",
    "}",
    "'",
    '"',
    "\\",
    "$",
    "#",
    "`",
    " ",
    "..",
    "../..",
    "//",
    "%0a",
    "%2e%2e",
    "é",
    "\u202e",
    "\udcff",
    "~",
    "~*",
    "^~",
    "=",
    "@",
    "*",
    "*.",
    ".",
    "-",
    "default",
    "include",
    "hostnames",
    "volatile",
    "http://",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "; return 200;",
    "} server { listen 9; }",
    "include /etc/passwd;",
    "$host",
    "${host}",
    "a.example",
    "/api",
    "80",
    "30s",
    "1m",
    "true",
    "https",
    "x" * 300,
)
hostile = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=4)), max_size=5).map("".join)
plausible = st.one_of(
    hostile,
    st.sampled_from(
        ["a.example", "*.a.example", "/", "/api", "/Api/v1", "http", "https", "80", "5s", "1m", "true"]
    ),
    st.text(string.ascii_letters + "/.-*", max_size=12),
)
KEYS = ("host", "path", "port", "protocol", "connect-timeout", "read-timeout", "body-size", "websocket")


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    """A Service of which any field may be any text; most of the others are good, so that it comes far."""
    made = service(
        draw(st.one_of(st.just("web"), st.just("two"), hostile)),
        draw(st.one_of(st.just("default"), hostile)),
        type=draw(st.sampled_from(["ClusterIP", "ExternalName", "LoadBalancer"]) | hostile),
        clusterIP=draw(st.sampled_from(["10.0.0.1", "None", "fd00::1"]) | hostile),
        externalName=draw(st.sampled_from(["x.example", ""]) | hostile),
        ports=[port(draw(st.integers(1, 65535)), draw(st.sampled_from(["", "http"]) | hostile))],
        created=draw(st.sampled_from(["", "2026-01-01T00:00:00Z"]) | hostile),
    )
    annotations = draw(st.dictionaries(st.sampled_from(KEYS) | hostile, plausible, max_size=4))
    if annotations:
        made["metadata"]["annotations"] = {f"wherry.dev/{k}": v for k, v in annotations.items()}
    return made


@st.composite
def slices(draw: st.DrawFn) -> dict[str, Any]:
    return slice_of(
        draw(st.sampled_from(["web", "two"]) | hostile),
        *[
            endpoint(draw(st.sampled_from(["10.1.0.1", "fd00::2"]) | hostile))
            for _ in range(draw(st.integers(0, 2)))
        ],
        ports=[port(8080, draw(st.sampled_from(["", "http"]) | hostile))],
    )


# What wherry writes, by the block it stands in: nothing else may ever appear, and nothing anywhere else.
ALLOWED = {
    "": {"upstream", "map", "map_hash_bucket_size", "map_hash_max_size", "geo", "log_format", "server"},
    "upstream": {"hash", "server", "keepalive", "keepalive_time"},
    "server": {
        "listen",
        "server_name",
        "access_log",
        "server_tokens",
        "gzip",
        "default_type",
        "large_client_header_buffers",
        "client_body_buffer_size",
        "proxy_headers_hash_bucket_size",
        "uninitialized_variable_warn",
        "client_header_timeout",
        "reset_timedout_connection",
        "resolver",
        "resolver_timeout",
        "set_real_ip_from",
        "real_ip_header",
        "real_ip_recursive",
        "set",
        "if",
        "rewrite",
        "location",
    },
    "if": {"set", "rewrite", "return"},
    "location": {
        "client_max_body_size",
        "return",
        "proxy_pass",
        "proxy_http_version",
        "proxy_connect_timeout",
        "proxy_read_timeout",
        "proxy_send_timeout",
        "proxy_set_header",
        "proxy_ssl_server_name",
        "proxy_ssl_name",
        "proxy_buffer_size",
        "proxy_buffers",
        "proxy_busy_buffers_size",
        "proxy_max_temp_file_size",
        "proxy_redirect",
        "proxy_ignore_headers",
        "proxy_next_upstream",
        "proxy_next_upstream_tries",
        "proxy_buffering",
        "proxy_request_buffering",
        "client_body_buffer_size",
        "proxy_ssl_protocols",
        "proxy_ssl_session_reuse",
        "error_page",
        "set",
        "if",
    },
}


def assert_only_ours(found: list[Any], inside: str = "") -> None:
    for name, _, block in found:
        if inside in ("map", "geo"):
            assert block is None
            continue
        assert name in ALLOWED[inside], (inside, name)
        if block is not None:
            assert_only_ours(block, name)


def counted(found: list[Any], table_: Table) -> None:
    """One entry for each route in the big maps, whose value names it; one server, one listen."""
    big = ("$wherry_depth", "$wherry_route", "$wherry_capitals")
    maps = [block for name, args, block in found if name == "map" and args[1].startswith(big)]
    entries = [args[0] for block in maps for key, args, _ in block if key != "default"]
    assert sorted(entry.split(" ")[2] for entry in entries) == sorted(r.name for r in table_.routes)
    (server,) = [block for name, _, block in found if name == "server"]
    assert [args for name, args, _ in server if name == "listen"] == [("127.0.0.1:8080", "default_server")]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(services(), max_size=4), st.lists(slices(), max_size=3), st.booleans())
def test_whatever_stands_in_the_objects_the_configuration_is_the_one_intended(
    some: list[dict[str, Any]], more: list[dict[str, Any]], endpoints: bool
) -> None:
    found: list[Service] = []
    for object_ in some:
        try:
            found.append(SERVICES.project(object_))
        except BadObject:
            continue
    made = Router(Options(endpoints=endpoints, names=True)).build(
        Snapshot({SERVICES: found, ENDPOINT_SLICES: list(map(ENDPOINT_SLICES.project, more))})
    )
    text = render(made.routes, OPTIONS)
    assert text.isascii() and all(c.isprintable() or c == "\n" for c in text)
    back = parsed(text)
    assert back == intended(tree(made.routes, OPTIONS))
    assert_only_ours(back)
    counted(back, made)
    for rejected in made.rejected:
        assert rejected.message.isascii() and rejected.message.isprintable(), "a log line of its own making"


@pytest.mark.nginx
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(services(), min_size=1, max_size=6))
def test_nginx_takes_every_configuration_that_is_written(some: list[dict[str, Any]]) -> None:
    found = []
    for object_ in some:
        try:
            found.append(SERVICES.project(object_))
        except BadObject:
            continue
    made = Router(Options(names=True)).build(Snapshot({SERVICES: found}))
    assert complaint(render(made.routes, OPTIONS)) is None


def test_equal_routes_are_equal_text() -> None:
    made = table(service(), service("two"))
    assert render(made.routes, OPTIONS) == render(made.routes, OPTIONS)


def test_a_port_of_another_protocol_shares_no_upstream() -> None:
    made = table(
        service("a", ports=[port(443, "x")], annotations={"protocol": "http"}),
        service("b", ports=[port(443, "x")], annotations={"protocol": "https"}),
    )
    text = render(made.routes, OPTIONS)
    names = re.findall(r"upstream [0-9a-f]{8}_(\S+)", text)
    assert names == ["https_default.b.x_b.default.cluster.local"] and "upstream 0_pool" in text


def test_services_with_one_address_share_a_block() -> None:
    made = table(*(service(f"s{i}", clusterIP=f"10.0.1.{i}") for i in range(20)))
    text = render(made.routes, OPTIONS._replace(upstreams=5))
    assert text.startswith("upstream 0_pool {\n    hash $wherry_key;\n") and "\nupstream " not in text
    assert sum(line.strip().startswith("server 10.0.1.") for line in text.splitlines()) == 20


def test_what_speaks_tls_has_a_block_of_its_own() -> None:
    made = table(
        *(
            service(f"s{i}", clusterIP=f"10.0.1.{i}", created=f"2026-01-0{i}T00:00:00Z")
            for i in range(1, 9)
        ),
        service("late", clusterIP="10.0.2.1", annotations={"protocol": "https"}),
    )
    text = render(made.routes, OPTIONS._replace(upstreams=3))
    assert re.findall(r"upstream [0-9a-f]{8}_https?_default\.([a-z0-9]+)", text) == ["late"]
    assert text.count("\nupstream ") == 1, "and the pool of the others"


@pytest.mark.nginx
def test_ten_thousand_routes_are_a_handful_of_maps_that_nginx_takes() -> None:
    made = table(
        *(
            service(
                f"s{i}",
                clusterIP=f"10.{i >> 8}.{i & 255}.1",
                annotations={"host": f"{'long.' * 20}s{i}.example"},
            )
            for i in range(10_000)
        )
    )
    text = render(made.routes, OPTIONS)
    assert len(made.routes) == 10_000 and text.count("map $") < 20
    assert complaint(text) is None
