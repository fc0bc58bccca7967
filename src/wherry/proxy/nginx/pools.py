"""PURE: which routes get an ``upstream`` block.

A block keeps connections open to its addresses and tries the next address when one fails; without one (a
bare address in a map) each request connects anew.  Blocks are what makes a configuration slow to load:
each holds the settings of all of nginx's modules.  Measured on nginx 1.22, 1,000 routes with 0, 100, 200
and 500 blocks: ``nginx -t`` 12, 13, 15 and 21 ms, a reload 11, 14, 18 and 25 ms; 10,000 blocks add a
second, for nginx compares every new name with all before.  nginx 1.30 keeps no connections without a
block either.  So the first `limit` upstreams get one, those that speak TLS before all others and then the
oldest Services; the rest go through the map, those with several addresses by their Service's own
ClusterIP.  Several addresses without a ClusterIP always get a block.
"""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.names import is_name
from wherry.proxy.nginx.config import REMEMBERED, Directive, block, simple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.proxy.model import Route

Key = tuple[str, tuple[str, ...]]
"""Protocol and addresses."""

NOWHERE = "-"
"""The target of a route without addresses."""


class Pools(NamedTuple):
    """`targets[i]` is where route i goes: the name of a block of `blocks`, an address, or NOWHERE."""

    targets: tuple[str, ...]
    blocks: tuple[Directive, ...]


def pools(routes: Sequence[Route], limit: int, keepalive: int) -> Pools:
    """Decide for each route; equal addresses and protocol share a block.

    `keepalive` is the number of idle connections that one worker keeps to one block's addresses.
    """
    # A plain connection that is kept must never be taken for a TLS one: the protocol is in the key.
    keys = [(route.settings.protocol, route.addresses) for route in routes]
    blocks: dict[Key, Directive] = {}
    for route, key in _by_need(zip(routes, keys, strict=True)):
        if route.addresses and not _bare(route, full=len(blocks) >= limit) and key not in blocks:
            blocks[key] = _block(route.settings.protocol, route.name, route.addresses, keepalive)
    names = {key: pool.args[0] for key, pool in blocks.items()}
    targets = [
        (names.get(key) or _bare(route, full=True)) if route.addresses else NOWHERE
        for route, key in zip(routes, keys, strict=True)
    ]
    return Pools(tuple(targets), tuple(blocks.values()))


def _by_need(routes: Iterable[tuple[Route, Key]]) -> Iterable[tuple[Route, Key]]:
    """Those first whose every new connection costs a TLS handshake."""
    return sorted(routes, key=lambda pair: pair[1][0] != "https")


def _bare(route: Route, *, full: bool) -> str:
    """The address to use without a block, or "" where a block is to be made."""
    addresses = route.addresses
    if len(addresses) == 1 and (full or is_name(addresses[0])):
        return addresses[0]
    return route.spare if full else ""


@functools.lru_cache(REMEMBERED)
def _block(protocol: str, route: str, addresses: tuple[str, ...], keepalive: int) -> Directive:
    servers = [_server(a, alone=len(addresses) == 1) for a in addresses]
    return block("upstream", (_name(protocol, route),), [*servers, simple("keepalive", keepalive)])


def _name(protocol: str, route: str) -> str:
    """Unique: one port of one Service has one set of addresses.  The underscore: never a host's name.

    nginx compares it with every name before it, letter by letter as long as they agree: the hash in front
    makes that one letter.
    """
    name = route.replace("/", ".").replace(":", ".")
    return f"{zlib.crc32(name.encode()):08x}_{protocol}_{name}"


def _server(address: str, *, alone: bool) -> Directive:
    # nginx never takes the only address of a block out of use.
    return simple("server", address) if alone else simple("server", address, "fail_timeout=5s")
