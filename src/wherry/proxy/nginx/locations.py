"""PURE: the internal locations: one for each set of settings, one for each answer of nginx's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.proxy.nginx.config import Directive, block, simple
from wherry.proxy.nginx.quote import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.proxy.model import Settings

HEADERS = (
    ("Host", "$wherry_authority"),
    ("X-Real-IP", "$remote_addr"),
    ("X-Forwarded-For", "$remote_addr"),  # what a client claims is not passed on: see --trusted-proxy
    ("X-Forwarded-Host", "$wherry_authority"),
    ("X-Forwarded-Port", "$server_port"),
    ("X-Forwarded-Proto", "$wherry_scheme"),
    ("X-Request-Id", "$request_id"),
    ("Forwarded", ""),
    ("Proxy", ""),  # CVE-2016-5385: CGI programs take it for HTTP_PROXY
)


def location(name: str, settings: Settings) -> Directive:
    """Where the requests of all routes with these settings are passed on."""
    return block("location", ("=", "/" + name), _proxy(settings))


def nothing_here(status: str, message: str) -> Directive:
    """An answer without an upstream.  `message` is one line of wherry's own."""
    return block(
        "location",
        ("=", "/" + status),
        [simple("client_max_body_size", 0), simple("return", status, Code(message + "\n"))],
    )


def _proxy(settings: Settings) -> Iterator[Directive]:
    yield simple("client_max_body_size", settings.body_size)
    yield simple("proxy_pass", Code(f"{settings.protocol}://$wherry_target$request_uri"))
    yield simple("proxy_http_version", "1.1")
    yield simple("proxy_connect_timeout", f"{settings.connect_timeout}ms")
    yield simple("proxy_read_timeout", f"{settings.read_timeout}ms")
    yield simple("proxy_send_timeout", f"{settings.send_timeout}ms")
    for header, value in (*HEADERS, *_upgrade(settings)):
        yield simple("proxy_set_header", header, Code(value))
    if settings.protocol == "https":
        yield simple("proxy_ssl_server_name", "on")
        yield simple("proxy_ssl_name", Code("$host"))
    yield from _buffers()


def _upgrade(settings: Settings) -> tuple[tuple[str, str], ...]:
    """An empty Connection header is what lets a connection to the upstream be kept."""
    if settings.websocket:
        return ("Upgrade", "$wherry_upgrade"), ("Connection", "$wherry_connection")
    return ("Upgrade", ""), ("Connection", "")


def _buffers() -> Iterator[Directive]:
    """Headers up to 16 KiB; a slow client's answer waits in memory (128 KiB), never in a file."""
    yield simple("proxy_buffer_size", "16k")
    yield simple("proxy_buffers", 8, "16k")
    yield simple("proxy_busy_buffers_size", "32k")
    yield simple("proxy_max_temp_file_size", 0)
    yield simple("proxy_redirect", "off")
    # There is no other place to send a request: nginx would ask the same upstream again, ten times.
    yield simple("proxy_ignore_headers", "X-Accel-Redirect")
    yield simple("proxy_next_upstream", "error", "timeout")
    yield simple("proxy_next_upstream_tries", 3)
