"""PURE: which routes get an ``upstream`` block.

A block keeps connections open to its addresses and tries the next address when one fails; without one (a
bare address in a map) each request connects anew.  Blocks are what makes a configuration slow to load:
each holds the settings of all of nginx's modules.  Measured on nginx 1.22, 1,000 routes with 0, 200 and
500 blocks: ``nginx -t`` 12, 15 and 21 ms, a reload 11, 18 and 25 ms; 10,000 blocks add a second, for
nginx compares every new name with all before.  nginx 1.30 keeps no connections without a block either.
So the first `limit` upstreams, oldest Services first, get one; the rest go through the map, those with
several addresses by their Service's own ClusterIP.  Several addresses without a ClusterIP always get a
block.
"""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.names import is_name
from wherry.proxy.nginx.config import Directive, block, simple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.proxy.model import Route

REMEMBERED = 1 << 12
"""Blocks that were made before: all but one are the same at the next change."""

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
    names: dict[tuple[str, tuple[str, ...]], str] = {}
    blocks: list[Directive] = []
    targets: list[str] = []
    for route in routes:
        addresses = route.addresses
        if not addresses:
            targets.append(NOWHERE)
            continue
        # A plain connection that is kept must never be taken for a TLS one: the protocol is in the key.
        key = (route.settings.protocol, addresses)
        name = names.get(key)
        if name is None:
            target = _bare(route, full=len(blocks) >= limit)
            if target:
                targets.append(target)
                continue
            new = _block(route.settings.protocol, route.name, addresses, keepalive)
            name = names[key] = new.args[0]
            blocks.append(new)
        targets.append(name)
    return Pools(tuple(targets), tuple(blocks))


def _bare(route: Route, *, full: bool) -> str:
    """The address to use without a block, or "" where a block is to be made."""
    if len(route.addresses) == 1 and (full or is_name(route.addresses[0])):
        return route.addresses[0]
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
