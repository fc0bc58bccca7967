"""PURE: a table of routes to ``default.conf``: what stands in nginx's http block.

Every request is sent to one internal location before nginx chooses any (a rewrite of the server's own), for
timeouts and body sizes cannot be variables: one location for each set of settings that occurs, one for "no
such route" (404) and one for "no endpoint" (503).  No client can name such a location, since every request
is rewritten.  What the upstream gets is the request's own line (``$request_uri``), untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.model import Settings
from wherry.proxy.nginx.config import Directive, block, simple, text
from wherry.proxy.nginx.locations import location, nothing_here
from wherry.proxy.nginx.pools import NOWHERE, pools
from wherry.proxy.nginx.quote import Code
from wherry.proxy.nginx.tables import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wherry.proxy.model import Route


class RenderOptions(NamedTuple):
    """What the configuration says beside the routes.

    `listen`: "address:port" each.  `pools`: how many upstream blocks at most, `keepalive` idle connections
    a worker and block.  `access_log`: a path, or "" for none.  `resolver`: DNS servers for ExternalName.
    `trusted`: networks whose X-Forwarded-For and -Proto are believed.
    """

    listen: tuple[str, ...] = ("0.0.0.0:8080",)
    pools: int = 500
    keepalive: int = 16
    access_log: str = "/dev/stdout"
    resolver: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()


def render(routes: Sequence[Route], options: RenderOptions) -> str:
    """The text of ``default.conf``; equal arguments give equal text.  Raises quote.Unquotable."""
    return text(tree(routes, options))


def tree(routes: Sequence[Route], options: RenderOptions) -> list[Directive]:
    profiles = {s: f"p{i}" for i, s in enumerate(dict.fromkeys(r.settings for r in routes))}
    chosen = pools(routes, options.pools, options.keepalive)
    values = [
        f"{'503' if target == NOWHERE else profiles[route.settings]} {target} {route.name}"
        for route, target in zip(routes, chosen.targets, strict=True)
    ]
    return [
        *chosen.blocks,
        *tables(routes, values),
        *_parts(),
        *_client(options.trusted),
        _log_format(),
        _server(profiles, options),
    ]


def _map(source: str, into: str, entries: Iterable[tuple[str, str]]) -> Directive:
    """A map of wherry's own text only."""
    return block("map", (Code(source), Code(into)), [Directive(Code(k), (Code(v),)) for k, v in entries])


def _parts() -> Iterator[Directive]:
    """A route's value is "<location> <target> <name>": one lookup in the big maps gives all three."""
    yield _map(
        "$wherry_route",
        "$wherry_place",
        [("default", "/404"), (r"~^(?<wherry_cut_place>[^ ]+) ", "/$wherry_cut_place")],
    )
    yield _map(
        "$wherry_route",
        "$wherry_target",
        [("default", ""), (r"~^[^ ]+ (?<wherry_cut_target>[^ ]+) ", "$wherry_cut_target")],
    )
    yield _map(
        "$wherry_route",
        "$wherry_name",
        [("default", "-"), (r"~ (?<wherry_cut_name>[^ ]+)\z", "$wherry_cut_name")],
    )


def _client(trusted: Sequence[str]) -> Iterator[Directive]:
    """What is passed on of what the client says about itself."""
    # Only websockets are upgraded: an h2c upgrade would open a tunnel past the routes.
    yield _map("$http_upgrade", "$wherry_upgrade", [("default", ""), (r"~*^websocket\z", "websocket")])
    yield _map("$wherry_upgrade", "$wherry_connection", [("default", ""), ("websocket", "upgrade")])
    # The host that was routed by, never another; the port as the client knows it.
    yield _map(
        "$http_host",
        "$wherry_authority",
        [("default", "$host"), (r"~:(?<wherry_cut_port>[0-9]{1,5})\z", "$host:$wherry_cut_port")],
    )
    if trusted:
        networks = [Directive(network, ("1",)) for network in trusted]
        yield block(
            "geo",
            (Code("$realip_remote_addr"), Code("$wherry_trusted")),
            [simple("default", "0"), *networks],
        )
    believed = [("1:http", "http"), ("1:https", "https")] if trusted else []
    source = "$wherry_trusted:$http_x_forwarded_proto" if trusted else "$scheme"
    yield _map(source, "$wherry_scheme", [("default", "$scheme"), *believed])


def _log_format() -> Directive:
    fields = (
        '{"time":"$time_iso8601","route":"$wherry_name","status":$status,"method":"$request_method",'
        '"host":"$host","uri":"$request_uri","protocol":"$server_protocol","client":"$remote_addr",'
        '"bytes_in":$request_length,"bytes_out":$bytes_sent,"seconds":$request_time,'
        '"upstream":"$upstream_addr","upstream_status":"$upstream_status",'
        '"upstream_seconds":"$upstream_response_time","request_id":"$request_id",'
        '"referer":"$http_referer","agent":"$http_user_agent"}'
    )
    return simple("log_format", "wherry", "escape=json", Code(fields))


def _server(profiles: dict[Settings, str], options: RenderOptions) -> Directive:
    return block(
        "server",
        (),
        [
            *(simple("listen", address, "default_server") for address in options.listen),
            simple("server_name", "_"),
            *_behaviour(options),
            simple("rewrite", Code("^"), Code("$wherry_place"), "last"),
            nothing_here("404", "no route for this host and path"),
            nothing_here("503", "no endpoint is ready"),
            *(location(name, settings) for settings, name in profiles.items()),
        ],
    )


def _behaviour(options: RenderOptions) -> Iterator[Directive]:
    if options.access_log:
        yield simple("access_log", options.access_log, "wherry")
    else:
        yield simple("access_log", "off")
    yield simple("server_tokens", "off")
    yield simple("gzip", "off")
    yield simple("default_type", "text/plain")
    yield simple("large_client_header_buffers", 4, "16k")
    yield simple("client_header_timeout", "30s")
    yield simple("reset_timedout_connection", "on")
    if options.resolver:
        yield simple("resolver", *options.resolver, "valid=10s")
        yield simple("resolver_timeout", "5s")
    for network in options.trusted:
        yield simple("set_real_ip_from", network)
    if options.trusted:
        yield simple("real_ip_header", "X-Forwarded-For")
        yield simple("real_ip_recursive", "on")
