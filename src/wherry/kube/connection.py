"""From access to a pool of connections: TLS, client certificates, proxies."""

from __future__ import annotations

import ipaddress
import os
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wherry.digits import whole
from wherry.errors import ClusterError
from wherry.kube.faults import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.kube.access import Access

SIZE = 8
"""Connections that are kept: a few lists at once, and a watch for each resource and namespace."""


def connect(access: Access, environ: Mapping[str, str]) -> Any:
    """A urllib3 pool manager.  Nothing is sent yet.  Raises ClusterError for unreadable certificates."""
    import urllib3

    options: dict[str, Any] = {"maxsize": SIZE, "ssl_context": _context(access)}
    if not access.verify:
        options |= {"cert_reqs": ssl.CERT_NONE, "assert_hostname": False}
    elif access.name:
        options["server_hostname"] = access.name
    proxy = access.proxy or environment_proxy(access.server, environ)
    if not proxy:
        return urllib3.PoolManager(**options)
    return urllib3.ProxyManager(proxy if "://" in proxy else f"http://{proxy}", **options)


def _context(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=access.authorities.decode("ascii", "replace") or None)
        # A cluster's own CA may be of before RFC 5280's rules were checked (Python 3.13 checks them).
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not access.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.credentials.certificate:
            _load(context, access.credentials.certificate + b"\n" + access.credentials.key)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"{access.origin}: certificates cannot be read: {printable(error)}",
            hint="kubectl config view --raw shows them; they are PEM, base64 in fields that end in -data",
        ) from None
    return context


def _load(context: ssl.SSLContext, pair: bytes) -> None:
    """OpenSSL reads a client's certificate from files only: one in memory, so that no key is on a disk."""
    file = os.memfd_create("certificate")
    try:
        os.write(file, pair)
        # Without a password: a key that has one is an error, never a question on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{file}", password="")
    finally:
        os.close(file)


def environment_proxy(server: str, environ: Mapping[str, str]) -> str:
    """HTTPS_PROXY, HTTP_PROXY and NO_PROXY by the rules of Go's net/http, which are kubectl's."""
    url = urlsplit(server)
    name = f"{url.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name) or ""
    excluded = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    host = (url.hostname or "").rstrip(".")
    if not proxy or host == "localhost" or _is_loopback(host):
        return ""
    return (
        ""
        if any(_excludes(entry.strip().lower(), host, url.port) for entry in excluded.split(","))
        else proxy
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _excludes(entry: str, host: str, port: int | None) -> bool:
    """``*``, an address, a network, a domain and all below it; after ``.`` or ``*.`` only what is below."""
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isascii() and number.isdigit() and not entry.endswith("]"):
        if whole(number) != port:
            return False
        entry = name.strip("[]")
    entry = entry.removeprefix("*")
    if entry.startswith("."):
        return host.endswith(entry)
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))
