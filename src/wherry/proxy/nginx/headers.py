"""PURE: the headers about its client that a request brings to a pod.

wherry makes those of ``MADE``.  What they say has other names, too, which frameworks believe from whoever
sends them (Rack takes X-Forwarded-Ssl and -Scheme, Spring -Ssl and -Prefix, chi True-Client-IP): those of
``CLAIMS`` are passed on from trusted proxies only.  Names with an underscore, which CGI would take for the
same, nginx drops by itself (``underscores_in_headers``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.proxy.nginx.config import Directive, simple, where
from wherry.proxy.nginx.quote import Code

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MADE = (
    ("Host", "$wherry_authority"),
    ("X-Real-IP", "$remote_addr"),
    ("X-Forwarded-For", "$remote_addr"),  # what a client claims is not passed on: see --trusted-proxy
    ("X-Forwarded-Host", "$wherry_authority"),
    ("X-Forwarded-Port", "$wherry_port"),
    ("X-Forwarded-Proto", "$wherry_scheme"),
    ("X-Request-Id", "$request_id"),
    ("Forwarded", ""),
    ("Proxy", ""),  # CVE-2016-5385: CGI programs take it for HTTP_PROXY
)

CLAIMS = (
    # that it came by TLS
    "X-Forwarded-Scheme",
    "X-Forwarded-Protocol",
    "X-Forwarded-Ssl",
    "X-Scheme",
    "X-Url-Scheme",
    "Front-End-Https",
    # who asks
    "X-Original-Forwarded-For",
    "X-Client-IP",
    "Client-IP",
    "X-Cluster-Client-IP",
    "True-Client-IP",
    # for what
    "X-Forwarded-Server",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Original-Host",
    "X-Original-URL",
    "X-Rewrite-URL",
    # with which certificate
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Tls-Client-Cert",
    "X-Forwarded-Tls-Client-Cert-Info",
    "Ssl-Client-Cert",
    "Ssl-Client-Verify",
    "Ssl-Client-Subject-Dn",
    "Ssl-Client-Issuer-Dn",
)


BUCKET = 128
"""Bytes for three of these names or more in nginx's table of them: with the usual 64 it would warn."""


def set_headers(also: Sequence[tuple[str, str]], *, trusting: bool) -> Iterator[Directive]:
    """The headers of a request to a pod, `also` among them.  `trusting`: claims() stand in the server."""
    believed = ((header, variable if trusting else "") for header, variable, _ in _variables())
    for header, value in (*MADE, *believed, *also):
        yield simple("proxy_set_header", header, Code(value))


def claims() -> Iterator[Directive]:
    """What trusted proxies say (``$wherry_trusted``), as variables, which are "" for others."""
    yield simple("uninitialized_variable_warn", "off")
    said = [simple("set", Code(variable), Code(source)) for _, variable, source in _variables()]
    yield where("$wherry_trusted", "=", "1", said)


def _variables() -> Iterator[tuple[str, str, str]]:
    """Each claim, the variable for what is believed of it (short, for nginx's table of variables has little
    room for each), and the one for what was said."""
    for number, header in enumerate(CLAIMS):
        yield header, f"$wherry_said_{number}", "$http_" + header.lower().replace("-", "_")
