"""PURE: upstream blocks that many routes share, each of which goes to its own address there.

A block keeps connections to all its addresses, and finds a kept one by the address that was chosen.  Which
one that is nginx's ``hash`` decides, and a request that brings the right key gets the one it wants: the
address of number ((crc32(key) >> 16) & 0x7fff) modulo the number of addresses
(ngx_http_upstream_hash_module, the same since nginx 1.7.2).  No other is ever tried: `locations` tries a
request once there, and nothing takes an address out (``max_fails=0``).

So ten thousand Services have kept connections at the price of some hundred blocks.  nginx walks through a
block's addresses for each request, and looks blocks up by name one after the other: hence many of both.
Of 10,000 addresses 256 blocks take 0.84 of the worker's time that 64 do (median of 12 turns on a busy
machine), and load as fast; 512 take more again.
"""

from __future__ import annotations

import functools
import zlib
from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.nginx.blocks import pool_block
from wherry.proxy.nginx.config import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.proxy.nginx.config import Directive

FULL, MOST_POOLS = 64, 256
"""Addresses of a pool on average at most, until there are so many pools."""
REACH = 1 << 15
"""What the hash can tell apart."""


class Pooled(NamedTuple):
    """The pool that an address is in, and the key that chooses it there."""

    pool: str
    key: str


def pools(
    addresses: Iterable[str], keepalive: int, budget: int
) -> tuple[dict[str, Pooled], list[Directive]]:
    """Put addresses into pools.  Which one is decided by the address alone while their number stays.

    `keepalive` idle connections of a worker are kept for each address, for all together at most `budget`.
    """
    known = sorted(set(addresses))
    number = 1
    while number < min(MOST_POOLS, budget // 2) and len(known) > number * FULL:
        number *= 2
    members: dict[int, list[str]] = {}
    for address in known:
        members.setdefault(zlib.crc32(address.encode()) % number, []).append(address)
    found: dict[str, Pooled] = {}
    wanted = []
    for place, inside in sorted(members.items()):
        name = f"{place}_pool"
        kept = max(1, min(keepalive * len(inside), budget // len(members)))
        wanted.append((name, tuple(inside), kept))
        for address, key in zip(inside, keys(len(inside)), strict=True):
            found[address] = Pooled(name, key)
    return found, [*_BLOCKS.of(wanted)]


_BLOCKS = Remembered(pool_block)


@functools.lru_cache(256)
def keys(count: int) -> tuple[str, ...]:
    """A key for each of the numbers below `count`, which is at most REACH."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < count:
        text = f"{number:x}"
        found.setdefault(chosen(text, count), text)
        number += 1
    return tuple(found[each] for each in range(count))


def chosen(key: str, count: int) -> int:
    """The number of the address that nginx takes for a key."""
    return (zlib.crc32(key.encode()) >> 16 & (REACH - 1)) % count
