"""PURE: which hosts, paths, addresses and names may be served: what is allowed, never what is not.

Every function returns the checked, canonical value or raises Refused with words for the Service's owner.
"""

from __future__ import annotations

import ipaddress
import re

LONGEST_HOST = 253  # RFC 1035
LONGEST_PATH = 512
DEEPEST_PATH = 8

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~@:+,=!&()*/-]*\Z")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)\Z")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ORDINARY = re.compile(rf"(?!0\.|127\.|169\.254\.|22[4-9]\.|2[3-9][0-9]\.){_OCTET}(?:\.{_OCTET}){{3}}\Z")
"""IPv4 addresses that nothing is the matter with: what `ipaddress` would say of them, without its 10 us."""


class Refused(ValueError):
    """This value is not served; the text says why."""


def shown(text: str) -> str:
    """`text` for a message: on one line, ASCII, cut."""
    cut = text if len(text) <= 60 else text[:57] + "..."
    return ascii(cut)


def visible(text: str) -> str:
    """`text` for a terminal: what could move its cursor, or hide what stands there, is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def dns_name(text: str) -> str:
    """A host name in lower case (RFC 1123 labels).  Raises Refused."""
    name = text.lower() if text.isascii() else ""
    if len(text) > LONGEST_HOST or not all(map(_LABEL.match, name.split("."))):
        raise Refused(f"{shown(text)} is not a host name{_idna_hint(text)}")
    return name


def host(text: str) -> str:
    """A host that requests may name: a DNS name, or ``*.`` and one.  Raises Refused."""
    if text.startswith("*."):
        return "*." + dns_name(text[2:])
    return dns_name(text)


def label(text: str) -> str:
    """A Service's or namespace's name (RFC 1123 label).  Raises Refused."""
    if not _LABEL.match(text):
        raise Refused(f"{shown(text)} is not a Kubernetes name")
    return text


def port(text: str) -> str:
    """A port's name (RFC 6335: at least one letter, so that it is never a number).  Raises Refused."""
    if text.isdigit():
        raise Refused(f"{shown(text)} is a number, not a port's name")
    return label(text)


def path(text: str) -> str:
    """A path prefix of whole segments, without the slash at its end; "/" is everything.  Raises Refused."""
    if len(text) > LONGEST_PATH:
        raise Refused(f"the path is longer than {LONGEST_PATH} characters")
    if not _PATH.match(text):
        raise Refused(
            f"{shown(text)} is not a path: it begins with / and holds letters, digits and ._~@:+,=!&()*-"
        )
    segments = text.strip("/").split("/") if text.strip("/") else []
    if any(s in ("", ".", "..") for s in segments):
        # nginx compares normalised paths: these could never match, or mean another path.
        raise Refused(f"the path {shown(text)} has an empty, . or .. segment")
    if len(segments) > DEEPEST_PATH:
        raise Refused(f"the path {shown(text)} has more than {DEEPEST_PATH} segments")
    return "/" + "/".join(segments)


def address(text: str, *, local: bool) -> str:
    """An IP address as nginx writes it (IPv6 in brackets).  Raises Refused.

    Loopback and link-local addresses are refused unless `local`: in a cluster they would be the proxy's own
    pod or the node's metadata service, which no Service may reach through it.
    """
    if _ORDINARY.match(text):
        return text
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise Refused(f"{shown(text)} is not an IP address") from None
    real = getattr(ip, "ipv4_mapped", None) or ip
    if real.is_unspecified or real.is_multicast or getattr(ip, "scope_id", None):
        raise Refused(f"{ip} is not the address of one machine")
    if not local and (real.is_loopback or real.is_link_local):
        raise Refused(f"{ip} is a loopback or link-local address")
    return f"[{ip}]" if ip.version == 6 else str(ip)


def external(text: str) -> str:
    """The name behind an ExternalName Service: a DNS name that is no address and not this machine."""
    name = dns_name(text.removesuffix("."))
    last = name.rpartition(".")[2]
    if _NUMERIC.match(last):
        raise Refused(f"{shown(text)} is an address, not a name")
    if name == "localhost" or name.endswith(".localhost"):
        raise Refused(f"{shown(text)} is this machine itself")
    return name


def is_name(address: str) -> bool:
    """Whether an upstream address ("ip:port" or "name:port") has to be looked up in DNS."""
    front = address.rpartition(":")[0]
    return not front.startswith("[") and not _NUMERIC.match(front.rpartition(".")[2])


def _idna_hint(text: str) -> str:
    return "" if text.isascii() else ": write it in its ASCII form (xn--...)"
