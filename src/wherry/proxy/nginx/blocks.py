"""PURE: the text of an ``upstream`` block."""

from __future__ import annotations

from wherry.proxy.nginx.config import Directive, block, simple
from wherry.proxy.nginx.quote import Code

LIFE = "5s"
"""A kept connection is replaced after that, so that new pods behind a ClusterIP get their share."""


def upstream_block(name: str, addresses: tuple[str, ...], keepalive: int) -> Directive:
    """`keepalive` idle connections are kept by a worker."""
    return _block(name, addresses, keepalive)


def pool_block(name: str, addresses: tuple[str, ...], keepalive: int) -> Directive:
    """The same, where the request's key chooses the address."""
    return _block(name, addresses, keepalive, by_key=True)


def _block(name: str, addresses: tuple[str, ...], keepalive: int, *, by_key: bool = False) -> Directive:
    # No address is ever taken out of use: one request that pods drop would do that to all of them.
    servers = [simple("server", address, "max_fails=0") for address in addresses]
    kept = [simple("keepalive", keepalive), simple("keepalive_time", LIFE)] if keepalive else []
    chosen = [simple("hash", Code("$wherry_key"))] if by_key else []
    return block("upstream", (name,), [*chosen, *servers, *kept])
