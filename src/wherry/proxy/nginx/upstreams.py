"""PURE: which ``upstream`` block a route's requests go to.

A block keeps connections open to its addresses; without one (a bare address in a map) each request
connects anew.  Blocks are what makes a configuration slow to load: each holds the settings of all of
nginx's modules.  Measured on nginx 1.22, 1,000 routes with 0, 100, 200 and 500 blocks: ``nginx -t`` 12, 13,
15 and 21 ms, a reload 11, 14, 18 and 25 ms; 10,000 blocks add a second, for nginx compares every new name
with all before.  nginx 1.30 keeps no connections without a block either.

So routes with one address, which are nearly all, share blocks (`pools`).  A block of its own has what
speaks TLS, and what has several addresses to balance between: there are `limit` of those, for TLS before
all others and then for the oldest Services.  Beyond them several addresses become their Service's own
ClusterIP, in a pool (without one they get blocks all the same), and TLS connects anew.

A block keeps 32 idle connections a worker for each address, all together at most `idle`: half of these are
for blocks that are not shared, and where they are too few for one each, the youngest keep none.

A request that failed goes to a place of its own (Place.again), where no connection is kept: nginx does
not count a failure on a kept connection, and would deliver one request once for each that it holds.  For
several addresses that is a block too.

A TLS connection that is kept belongs to one server name (RFC 9110, 15.5.20: its pod would answer 421 to
another), so each host has a block of its own there, and a wildcard has none that keeps any.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.names import is_name
from wherry.proxy.nginx.blocks import upstream_block
from wherry.proxy.nginx.config import Remembered
from wherry.proxy.nginx.pools import pools

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.proxy.model import Route
    from wherry.proxy.nginx.config import Directive

Key = tuple[str, str, tuple[str, ...]]
"""Protocol, server name where that matters, and addresses."""


class Place(NamedTuple):
    """Where a route's requests go: a block's name or an address; `again` is for one that failed.

    `fresh` says that nothing must be kept there, although nginx could.  `key` chooses the address in a
    pool.
    """

    first: str
    again: str
    fresh: bool = False
    key: str = ""


NOWHERE = Place("-", "-")
"""The place of a route without addresses."""


class Upstreams(NamedTuple):
    """`places[i]` is where route i goes."""

    places: tuple[Place, ...]
    blocks: tuple[Directive, ...]


def upstreams(routes: Sequence[Route], limit: int, keepalive: int, idle: int) -> Upstreams:
    """Decide for each route; equal addresses and protocol share a block.  Without a `limit` there is none.

    `keepalive` is the number of idle connections that one worker keeps to one block's addresses, `idle`
    that of all of them.
    """
    own = _Own(idle // 2, {}, {})
    places = [NOWHERE] * len(routes)
    pooled: dict[int, str] = {}
    known: dict[tuple[Key, str], Place] = {}
    for index in _by_need(routes):
        route = routes[index]
        addresses = route.addresses
        if not addresses:
            continue
        plain = route.settings.protocol == "http" and limit > 0
        if plain and len(addresses) == 1 and not is_name(addresses[0]):
            pooled[index] = addresses[0]
            continue
        key = _key(route), route.spare
        place = known.get(key)
        if place is None:
            bare = _bare(route, full=len(own) >= limit)
            place = known[key] = Place(bare, bare) if bare else _in_own(route, _key(route), own)
        if plain and place.first == route.spare:
            pooled[index] = route.spare
        places[index] = place
    number = len(own.keeping)
    kept = min(keepalive, own.most // number) if number else 0
    wanted = [
        *((name, addresses, kept) for name, addresses in own.keeping.items()),
        *((name, addresses, 0) for name, addresses in own.fresh.items()),
    ]
    found, shared = pools(pooled.values(), keepalive, idle - number * kept)
    for index, address in pooled.items():
        pool, key_ = found[address]
        places[index] = Place(pool, address, key=key_)
    return Upstreams(tuple(places), (*_BLOCKS.of(wanted), *shared))


_BLOCKS = Remembered(upstream_block)


class _Own(NamedTuple):
    """The addresses of blocks that are not shared, by name: those that keep connections, at most `most` of
    them, and those that do not."""

    most: int
    keeping: dict[str, tuple[str, ...]]
    fresh: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.keeping) + len(self.fresh)


def _key(route: Route) -> Key:
    # A plain connection that is kept must never be taken for a TLS one: the protocol is in the key.
    protocol = route.settings.protocol
    return protocol, route.host if protocol == "https" else "", route.addresses


def _bare(route: Route, *, full: bool) -> str:
    """The address to use without a block, or "" where blocks are to be made."""
    addresses = route.addresses
    if len(addresses) == 1 and (full or _many_names(route) or is_name(addresses[0])):
        return addresses[0]
    return route.spare if full else ""


def _in_own(route: Route, key: Key, own: _Own) -> Place:
    """A place in blocks of its own, which are put into `own` unless they are there."""
    protocol, _, addresses = key
    again = addresses[0]
    if len(addresses) > 1:
        again = _name((protocol, "", addresses), route.name, keeps=False)
        own.fresh.setdefault(again, addresses)
    if _many_names(route):
        return Place(again, again, fresh=True)
    first = _name(key, route.name, keeps=True)
    if first not in own.keeping and len(own.keeping) >= own.most:
        return Place(again, again, fresh=True)
    own.keeping.setdefault(first, addresses)
    return Place(first, again)


def _many_names(route: Route) -> bool:
    """Whether one block would hold TLS connections for several server names."""
    return route.settings.protocol == "https" and route.host.startswith("*.")


def _by_need(routes: Sequence[Route]) -> Iterable[int]:
    """Indices: those first whose every new connection costs a TLS handshake; their further hosts last."""
    tls = [index for index, route in enumerate(routes) if route.settings.protocol == "https"]
    if not tls:
        return range(len(routes))
    first: dict[tuple[str, ...], int] = {}
    for index in tls:
        first.setdefault(routes[index].addresses, index)
    spoken = frozenset(tls)
    plain = [index for index in range(len(routes)) if index not in spoken]
    ahead = frozenset(first.values())
    return [*first.values(), *plain, *(index for index in tls if index not in ahead)]


def _name(key: Key, route: str, *, keeps: bool) -> str:
    """Unique: one port of one Service has one set of addresses.  The underscore: never a host's name.

    nginx compares it with every name before it, letter by letter as long as they agree: the hash in front
    makes that one letter.
    """
    protocol, host, _ = key
    name = route.replace("/", ".").replace(":", ".") + (f"_{host}" if host else "")
    return f"{zlib.crc32(name.encode()):08x}_{protocol if keeps else protocol + '-again'}_{name}"
