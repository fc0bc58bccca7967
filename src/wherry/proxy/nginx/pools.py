"""PURE: which routes get an ``upstream`` block.

A block keeps connections open to its addresses; without one (a bare address in a map) each request
connects anew.  Blocks are what makes a configuration slow to load: each holds the settings of all of
nginx's modules.  Measured on nginx 1.22, 1,000 routes with 0, 100, 200 and 500 blocks: ``nginx -t`` 12, 13,
15 and 21 ms, a reload 11, 14, 18 and 25 ms; 10,000 blocks add a second, for nginx compares every new name
with all before.  nginx 1.30 keeps no connections without a block either.  So there are `limit` blocks, for
upstreams that speak TLS before all others and then for the oldest Services; the rest go through the map,
those with several addresses by their Service's own ClusterIP.  Several without one always get blocks.

A request that failed goes to a place of its own (Place.again), where no connection is kept: nginx does
not count a failure on a kept connection, and would deliver one request once for each that it holds.  For
several addresses that is a block too.

A TLS connection that is kept belongs to one server name (RFC 9110, 15.5.20: its pod would answer 421 to
another), so each host has a block of its own there, and a wildcard has none that keeps any.
"""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.names import is_name
from wherry.proxy.nginx.config import REMEMBERED, Directive, block, simple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wherry.proxy.model import Route

Key = tuple[str, str, tuple[str, ...]]
"""Protocol, server name where that matters, and addresses."""

LIFE = "5s"
"""A kept connection is replaced after that, so that new pods behind a ClusterIP get their share."""


class Place(NamedTuple):
    """Where a route's requests go: a block's name or an address; `again` is for one that failed.

    `fresh` says that nothing must be kept there, although nginx could.
    """

    first: str
    again: str
    fresh: bool = False


NOWHERE = Place("-", "-")
"""The place of a route without addresses."""


class Pools(NamedTuple):
    """`places[i]` is where route i goes."""

    places: tuple[Place, ...]
    blocks: tuple[Directive, ...]


def pools(routes: Sequence[Route], limit: int, keepalive: int) -> Pools:
    """Decide for each route; equal addresses and protocol share a block.

    `keepalive` is the number of idle connections that one worker keeps to one block's addresses.
    """
    blocks: dict[tuple[Key, bool], Directive] = {}

    def named(key: Key, route: Route, kept: int) -> str:
        """The name of the block, which is made if there is none."""
        found = blocks.get((key, bool(kept)))
        if found is None:
            found = blocks[key, bool(kept)] = _block(_name(key, route.name, kept), key[2], kept)
        return found.args[0]

    places: dict[tuple[Key, str], Place] = {}
    for route, key in _by_need(routes):
        if route.addresses and (key, route.spare) not in places:
            full = len(blocks) >= limit
            places[key, route.spare] = _place(route, key, named, keepalive, full=full)
    keys = [(_key(route), route.spare) for route in routes]
    return Pools(tuple(places.get(key, NOWHERE) for key in keys), tuple(blocks.values()))


def _place(
    route: Route, key: Key, named: Callable[[Key, Route, int], str], keepalive: int, *, full: bool
) -> Place:
    alone = route.addresses[0] if len(route.addresses) == 1 else ""
    shared = _many_names(route)
    bare = alone if alone and (full or shared or is_name(alone)) else route.spare if full else ""
    if bare:
        return Place(bare, bare)
    again = alone or named((key[0], "", key[2]), route, 0)
    return Place(again, again, fresh=True) if shared else Place(named(key, route, keepalive), again)


def _key(route: Route) -> Key:
    # A plain connection that is kept must never be taken for a TLS one: the protocol is in the key.
    protocol = route.settings.protocol
    return protocol, route.host if protocol == "https" else "", route.addresses


def _many_names(route: Route) -> bool:
    """Whether one block would hold TLS connections for several server names."""
    return route.settings.protocol == "https" and route.host.startswith("*.")


def _by_need(routes: Sequence[Route]) -> Iterable[tuple[Route, Key]]:
    """Those first whose every new connection costs a TLS handshake; further hosts of theirs last."""
    seen: set[tuple[str, ...]] = set()
    ranked: tuple[list[tuple[Route, Key]], ...] = ([], [], [])
    for route in routes:
        key = _key(route)
        if not key[1]:
            rank = 1
        else:
            rank = 2 if route.addresses in seen else 0
            seen.add(route.addresses)
        ranked[rank].append((route, key))
    return [pair for rank in ranked for pair in rank]


@functools.lru_cache(REMEMBERED)
def _block(name: str, addresses: tuple[str, ...], keepalive: int) -> Directive:
    # No address is ever taken out of use: one request that pods drop would do that to all of them.
    servers = [simple("server", address, "max_fails=0") for address in addresses]
    kept = [simple("keepalive", keepalive), simple("keepalive_time", LIFE)] if keepalive else []
    return block("upstream", (name,), [*servers, *kept])


@functools.lru_cache(REMEMBERED)
def _name(key: Key, route: str, keepalive: int) -> str:
    """Unique: one port of one Service has one set of addresses.  The underscore: never a host's name.

    nginx compares it with every name before it, letter by letter as long as they agree: the hash in front
    makes that one letter.
    """
    protocol, host, _ = key
    name = route.replace("/", ".").replace(":", ".") + (f"_{host}" if host else "")
    return f"{zlib.crc32(name.encode()):08x}_{protocol if keepalive else protocol + '-again'}_{name}"
