"""PURE: the internal locations: three for each set of settings, one for each answer of nginx's own.

A request is tried once in the first.  Where that fails it goes to the second, if it may: nothing of it was
sent, or doing it twice is as good as once (RFC 9110, 9.2.2) and the pod did not take it and fall silent.
There two more tries are left, each on a new connection, so that three tries are three.  Where nothing of it
was sent that was none, and three are left, in a place of their own: each at another pod, so that one pod of
three is enough.

Settings that allow large bodies have another, where these go to the pod as they come: in a file they would
fill the disk that the pod has, and a pod whose disk is full is evicted.  They cannot be sent again, but to
another pod where one did not take the connection.
"""

from __future__ import annotations

from wherry.proxy.nginx.config import Directive, block, rewrite, simple, where
from wherry.proxy.nginx.headers import set_headers
from wherry.proxy.nginx.quote import Code
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.proxy.model import Settings

KEPT, SENT = 1 << 20, 8 << 20
"""Bytes of a body that wait in memory until it is whole; and those that a client may need to send them, in
chunks of one byte each."""
LARGE = "[0-9]{7,}"
"""A Content-Length from which a body is large, as a pattern: a little less than KEPT."""
IDEMPOTENT = "(?:GET|HEAD|PUT|DELETE|OPTIONS|TRACE)"


def streams(settings: Settings) -> bool:
    """Whether bodies may be larger than what is kept in memory."""
    return not 0 < settings.body_size <= KEPT


def locations(name: str, settings: Settings, *, fresh: bool, trusting: bool) -> Iterator[Directive]:
    """Where the requests of all routes with these settings are passed on, and where those that failed are.

    `fresh`: no connection is kept (see upstreams.Place).  `trusting`: there are proxies that are believed.
    """
    yield block(
        "location",
        ("=", "/" + name),
        [
            *_proxy(settings, "$wherry_target", fresh=fresh, trusting=trusting),
            simple("proxy_next_upstream", "off"),
            simple("error_page", 502, 504, "=", "@" + name),
        ],
    )
    if streams(settings):
        yield block(
            "location",
            ("=", "/large/" + name),
            [
                *_proxy(settings, "$wherry_again", fresh=True, trusting=trusting),
                simple("proxy_request_buffering", "off"),
                simple("client_body_buffer_size", "64k"),
                simple("proxy_next_upstream", "error", "timeout"),
                simple("proxy_next_upstream_tries", 3),
            ],
        )
    again = list(_proxy(settings, "$wherry_again", fresh=True, trusting=trusting))
    again.append(simple("proxy_next_upstream", "error", "timeout"))
    yield block(
        "location",
        ("@" + name,),
        [*_only_what_may("/unsent/" + name), *again, simple("proxy_next_upstream_tries", 2)],
    )
    yield block("location", ("=", "/unsent/" + name), [*again, simple("proxy_next_upstream_tries", 3)])


def _only_what_may(unsent: str) -> Iterator[Directive]:
    """Give up here unless the request may be sent again; one of which nothing was sent goes to `unsent`."""
    yield simple(
        "set", Code("$wherry_failed"), Code("$request_method $upstream_status $upstream_bytes_sent")
    )
    yield where("$wherry_failed", "~", "^[^ ]+ 504 [1-9]", [simple("return", 504)])
    yield where("$wherry_failed", "~", r"^[^ ]+ 50[24] 0\z", [rewrite(unsent)])
    yield where("$wherry_failed", "!~", rf"^{IDEMPOTENT} 502 ", [simple("return", 502)])


def nothing_here(status: str, message: str) -> Directive:
    """An answer without an upstream.  `message` is one line of wherry's own."""
    return block(
        "location",
        ("=", "/" + status),
        [simple("client_max_body_size", 0), simple("return", status, Code(message + "\n"))],
    )


def _proxy(settings: Settings, target: str, *, fresh: bool, trusting: bool) -> Iterator[Directive]:
    yield simple("client_max_body_size", settings.body_size)
    yield simple("proxy_pass", Code(f"{settings.protocol}://{target}$request_uri"))
    yield simple("proxy_http_version", "1.1")
    yield simple("proxy_connect_timeout", f"{settings.connect_timeout}ms")
    yield simple("proxy_read_timeout", f"{settings.read_timeout}ms")
    yield simple("proxy_send_timeout", f"{settings.send_timeout}ms")
    yield from set_headers(_upgrade(settings, fresh=fresh), trusting=trusting)
    if settings.protocol == "https":
        yield simple("proxy_ssl_server_name", "on")
        yield simple("proxy_ssl_name", Code("$host"))
        yield simple("proxy_ssl_protocols", "TLSv1.2", "TLSv1.3")
        if fresh:
            # A session that is resumed is one server name's too.
            yield simple("proxy_ssl_session_reuse", "off")
    yield from _buffers(settings)


def _upgrade(settings: Settings, *, fresh: bool) -> tuple[tuple[str, str], ...]:
    """An empty Connection header is what lets a connection to the upstream be kept.

    nginx 1.29.7 and later keep connections in blocks that do not ask for it: there `close` prevents it.
    """
    if settings.websocket:
        return ("Upgrade", "$wherry_upgrade"), ("Connection", f"$wherry_{'fresh' if fresh else 'kept'}")
    return ("Upgrade", ""), ("Connection", "close" if fresh else "")


def _buffers(settings: Settings) -> Iterator[Directive]:
    """Headers up to 16 KiB; a buffered answer waits for its client in memory (128 KiB), never in a file."""
    yield simple("proxy_buffering", "on" if settings.buffering else "off")
    yield simple("proxy_buffer_size", "16k")
    yield simple("proxy_buffers", 8, "16k")
    yield simple("proxy_busy_buffers_size", "32k")
    yield simple("proxy_max_temp_file_size", 0)
    yield simple("proxy_redirect", "off")
    # There is no other place to send a request: nginx would ask the same upstream again, ten times.
    yield simple("proxy_ignore_headers", "X-Accel-Redirect")
