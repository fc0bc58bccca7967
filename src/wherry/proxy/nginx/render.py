"""PURE: a table of routes to ``default.conf``: what stands in nginx's http block.

Every request is sent to one internal location before nginx chooses any (a rewrite of the server's own), for
timeouts and body sizes cannot be variables: one location for each set of settings that occurs, one for "no
such route" (404) and one for "no endpoint" (503).  No client can name such a location, since every request
is rewritten.  What the upstream gets is the request's own line (``$request_uri``), untouched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.model import Settings
from wherry.proxy.nginx import headers
from wherry.proxy.nginx.config import Directive, block, rewrite, simple, text, where
from wherry.proxy.nginx.locations import LARGE, SENT, locations, nothing_here, streams
from wherry.proxy.nginx.quote import Code
from wherry.proxy.nginx.tables import tables
from wherry.proxy.nginx.upstreams import NOWHERE, upstreams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.proxy.model import Route


LOGGED = (
    ("host", "$host"),
    ("uri", "$request_uri"),
    ("referer", "$http_referer"),
    ("agent", "$http_user_agent"),
)
UTF_8 = (
    r"[\x00-\x7f]*+(?:(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]"
    r"|\xf0[\x90-\xbf][\x80-\xbf]|[\xf1-\xf3][\x80-\xbf]{2}|\xf4[\x80-\x8f][\x80-\xbf])[\x80-\xbf]"
    r"[\x00-\x7f]*+)*+"
)
"""Well-formed byte sequences (RFC 3629, 4), as long as they last."""


class RenderOptions(NamedTuple):
    """What the configuration says beside the routes.

    `listen`: "address:port" each.  `upstreams`: how many upstream blocks are not shared at most (0: no
    block at all), `keepalive` idle connections a worker and address, `idle` for all addresses.
    `access_log`: a path, or "" for none.  `resolver`: DNS servers for ExternalName.  `trusted`: networks
    whose X-Forwarded-For, -Port and -Proto are believed.
    """

    listen: tuple[str, ...] = ("0.0.0.0:8080",)
    upstreams: int = 100
    keepalive: int = 32
    idle: int = 3200
    access_log: str = "/dev/stdout"
    resolver: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()


def render(routes: Sequence[Route], options: RenderOptions) -> str:
    """The text of ``default.conf``; equal arguments give equal text.  Raises quote.Unquotable."""
    return text(tree(routes, options))


def tree(routes: Sequence[Route], options: RenderOptions) -> list[Directive]:
    chosen = upstreams(routes, options.upstreams, options.keepalive, options.idle)
    profiles: dict[tuple[Settings, bool], str] = {}
    values = []
    for route, place in zip(routes, chosen.places, strict=True):
        profile = (route.settings, place.fresh)
        name = "503" if place is NOWHERE else profiles.get(profile)
        if name is None:
            name = profiles[profile] = f"{'s' if streams(route.settings) else 'p'}{len(profiles)}"
        again = "" if place.again == place.first else f" {place.again}"
        key = f" {place.key}" if place.key else ""
        values.append(f"{name} {place.first} {route.name}{again}{key}")
    return [
        *chosen.blocks,
        *tables(routes, values),
        *_trust(options.trusted),
        *(_log_formats() if options.access_log else ()),
        _server(profiles, options),
    ]


def _trust(networks: Sequence[str]) -> Iterator[Directive]:
    if networks:
        entries = [simple("default", "0"), *(Directive(network, ("1",)) for network in networks)]
        yield block("geo", (Code("$realip_remote_addr"), Code("$wherry_trusted")), entries)


def _log_formats() -> Iterator[Directive]:
    """Two: a request that is refused before it is looked at (400) never comes to _loggable."""
    pattern = rf"~^:(?<wherry_cut_request>{UTF_8})"
    entries = [simple("default", ""), Directive(Code(pattern), ("1",))]
    yield block("map", (Code("$wherry_logged:$request"), Code("$wherry_early")), entries)
    fields = (
        '{"time":"$time_iso8601","route":"","status":$status,"request":"$wherry_cut_request",'
        '"client":"$remote_addr","bytes_in":$request_length,"bytes_out":$bytes_sent,'
        '"seconds":$request_time,"request_id":"$request_id"}'
    )
    yield simple("log_format", "wherry_early", "escape=json", Code(fields))
    yield _log_format()


def _log_format() -> Directive:
    fields = (
        '{"time":"$time_iso8601","route":"$wherry_name","status":$status,"method":"$request_method",'
        '"host":"$wherry_log_host","uri":"$wherry_log_uri","protocol":"$server_protocol","client":"$remote_addr",'
        '"bytes_in":$request_length,"bytes_out":$bytes_sent,"seconds":$request_time,'
        '"upstream":"$upstream_addr","upstream_status":"$upstream_status",'
        '"upstream_seconds":"$upstream_response_time","request_id":"$request_id",'
        '"referer":"$wherry_log_referer","agent":"$wherry_log_agent"}'
    )
    return simple("log_format", "wherry", "escape=json", Code(fields))


def _server(profiles: dict[tuple[Settings, bool], str], options: RenderOptions) -> Directive:
    return block(
        "server",
        (),
        [
            *(simple("listen", address, "default_server") for address in options.listen),
            simple("server_name", "_"),
            *_behaviour(options),
            *_client(options.trusted),
            *(_loggable() if options.access_log else ()),
            *_dispatch(large=any(streams(settings) for settings, _ in profiles)),
            nothing_here("404", "no route for this host and path"),
            nothing_here("503", "no endpoint is ready"),
            *(
                directive
                for (settings, fresh), name in profiles.items()
                for directive in locations(name, settings, fresh=fresh, trusting=bool(options.trusted))
            ),
        ],
    )


def _client(trusted: Sequence[str]) -> Iterator[Directive]:
    """What is passed on of what the client says about itself."""
    yield from _scheme(trusted)
    yield from _authority(trusted)
    if trusted:
        yield from headers.claims()
    # Only websockets are upgraded: an h2c upgrade would open a tunnel past the routes.
    yield _set("upgrade", "")
    yield _set("kept", "")
    yield _set("fresh", "close")
    upgraded = [_set("upgrade", "websocket"), _set("kept", "upgrade"), _set("fresh", "upgrade")]
    yield where("$http_upgrade", "~*", r"^websocket\z", upgraded)


def _scheme(trusted: Sequence[str]) -> Iterator[Directive]:
    yield _set("scheme", "$scheme")
    if trusted:
        yield _set("claim", "$wherry_trusted:$http_x_forwarded_proto")
        for scheme, websocket in (("http", "ws"), ("https", "wss")):
            # The first entry is the client's; each proxy on the way adds one.  Traefik says ws and wss of
            # websockets, which programs take for no TLS.
            said = rf"^1: *(?:{scheme}|{websocket}) *(?:,|\z)"
            yield where("$wherry_claim", "~*", said, [_set("scheme", scheme)])


def _authority(trusted: Sequence[str]) -> Iterator[Directive]:
    """The host that was routed by, never another; the port that the client used.

    Where the request line has a whole URI, that counts and not the header (RFC 9112, 3.2.2).
    """
    yield _set("authority", "$host")
    yield _set("port", "80")
    yield where("$wherry_scheme", "=", "https", [_set("port", "443")])
    yield _set("named", "$http_host")
    whole = r"^[^ ]+ [a-z]+://(?<wherry_uri_host>[^/? ]*)"
    yield where("$request", "~*", whole, [_set("named", "$wherry_uri_host")])
    port = r":(?<wherry_named_port>[1-9][0-9]{0,4})\z"
    both = [_set("authority", "$host:$wherry_named_port"), _set("port", "$wherry_named_port")]
    yield where("$wherry_named", "~", port, both)
    if trusted:
        yield _set("claim", "$wherry_trusted:$http_x_forwarded_port")
        port = r"^1: *(?<wherry_said_port>[1-9][0-9]{0,4}) *(?:,|\z)"
        yield where("$wherry_claim", "~", port, [_set("port", "$wherry_said_port")])


def _loggable() -> Iterator[Directive]:
    """What a client says, as far as it is UTF-8, for JSON is; "?" stands for the first byte that is not.

    nginx's own escaping passes such bytes on.  A text of ASCII is one look at each of its bytes.
    """
    yield _set("logged", "1")
    for field, variable in LOGGED:
        yield _set(f"log_{field}", variable)
        cut = rf"^(?<wherry_cut_{field}>{UTF_8})[\x80-\xff]"
        yield where(variable, "~", cut, [_set(f"log_{field}", f"$wherry_cut_{field}?")])


def _dispatch(*, large: bool) -> Iterator[Directive]:
    """A route's value is "<location> <target> <name>[ <again>[ <key>]]": one look into the big maps.

    Without <again> it is the target that is tried again; <key> chooses the address in a pool.
    """
    again = r"(?=(?:[^ ]+ [^ ]+ )?(?<wherry_again>[^ ]+)(?: [^ ]+)?\z)"
    fields = r"(?<wherry_target>[^ ]+) (?<wherry_name>[^ ]+)(?: [^ ]+(?: (?<wherry_key>[^ ]+))?)?\z"
    pattern = rf"(?<wherry_place>[^ ]+) {again}{fields}"
    if large:
        # A body without a length (chunked) may become large.
        yield _set("sent", "$content_length:$http_transfer_encoding:$wherry_route")
        sent = rf"^(?:{LARGE}:[^:]*|[0-9]*:[^:]+):(?=s){pattern}"
        yield where("$wherry_sent", "~", sent, [rewrite("/large/$wherry_place")])
    yield where("$wherry_route", "~", f"^{pattern}", [rewrite("/$wherry_place")])
    yield rewrite("/404")


def _set(variable: str, value: str) -> Directive:
    """A variable of each request; of wherry's own text only.

    With an ``if`` instead of a map: each of those costs half a millisecond at every load, however small.
    """
    return simple("set", Code("$wherry_" + variable), Code(value))


def _behaviour(options: RenderOptions) -> Iterator[Directive]:
    if options.access_log:
        yield simple("access_log", options.access_log, "wherry", Code("if=$wherry_logged"))
        yield simple("access_log", options.access_log, "wherry_early", Code("if=$wherry_early"))
    else:
        yield simple("access_log", "off")
    yield simple("server_tokens", "off")
    yield simple("gzip", "off")
    yield simple("default_type", "text/plain")
    yield simple("large_client_header_buffers", 4, "16k")
    yield simple("client_body_buffer_size", SENT)
    yield simple("proxy_headers_hash_bucket_size", headers.BUCKET)
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
