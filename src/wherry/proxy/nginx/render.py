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
    from collections.abc import Iterator, Sequence

    from wherry.proxy.model import Route


class RenderOptions(NamedTuple):
    """What the configuration says beside the routes.

    `listen`: "address:port" each.  `pools`: how many upstream blocks at most, `keepalive` idle connections
    a worker and block.  `access_log`: a path, or "" for none.  `resolver`: DNS servers for ExternalName.
    `trusted`: networks whose X-Forwarded-For and -Proto are believed.
    """

    listen: tuple[str, ...] = ("0.0.0.0:8080",)
    pools: int = 100
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
        *_trust(options.trusted),
        _log_format(),
        _server(profiles, options),
    ]


def _trust(networks: Sequence[str]) -> Iterator[Directive]:
    if networks:
        entries = [simple("default", "0"), *(Directive(network, ("1",)) for network in networks)]
        yield block("geo", (Code("$realip_remote_addr"), Code("$wherry_trusted")), entries)


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
            *_client(options.trusted),
            *_dispatch(),
            nothing_here("404", "no route for this host and path"),
            nothing_here("503", "no endpoint is ready"),
            *(location(name, settings) for settings, name in profiles.items()),
        ],
    )


def _client(trusted: Sequence[str]) -> Iterator[Directive]:
    """What is passed on of what the client says about itself."""
    # The host that was routed by, never another; the port as the client knows it.
    yield _set("authority", "$host")
    yield _where(
        "$http_host", "~", r":(?<wherry_port>[0-9]{1,5})\z", [_set("authority", "$host:$wherry_port")]
    )
    # Only websockets are upgraded: an h2c upgrade would open a tunnel past the routes.
    yield _set("upgrade", "")
    yield _set("connection", "")
    upgraded = [_set("upgrade", "websocket"), _set("connection", "upgrade")]
    yield _where("$http_upgrade", "~*", r"^websocket\z", upgraded)
    yield _set("scheme", "$scheme")
    if trusted:
        yield _set("claim", "$wherry_trusted:$http_x_forwarded_proto")
        for scheme in ("http", "https"):
            yield _where("$wherry_claim", "~*", rf"^1:{scheme}\z", [_set("scheme", scheme)])


def _dispatch() -> Iterator[Directive]:
    """A route's value is "<location> <target> <name>": one lookup in the big maps gives all three."""
    pattern = r"^(?<wherry_place>[^ ]+) (?<wherry_target>[^ ]+) (?<wherry_name>[^ ]+)\z"
    yield _where("$wherry_route", "~", pattern, [_rewrite("/$wherry_place")])
    yield _rewrite("/404")


def _set(variable: str, value: str) -> Directive:
    """A variable of each request; of wherry's own text only."""
    return simple("set", Code("$wherry_" + variable), Code(value))


def _where(variable: str, operator: str, pattern: str, then: Sequence[Directive]) -> Directive:
    """An ``if`` of the server's own, which nginx runs before it chooses a location.

    Instead of a map: each of those costs half a millisecond at every load, however small it is.
    """
    return block("if", (Code("(" + variable), Code(operator), Code(pattern), Code(")")), then)


def _rewrite(to: str) -> Directive:
    return simple("rewrite", Code("^"), Code(to), "last")


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
