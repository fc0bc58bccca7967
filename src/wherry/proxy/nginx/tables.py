"""PURE: the maps that find a request's route by host and longest path prefix, in hash lookups only.

    $host --(wildcards)--> $wherry_site;  $uri --> $wherry_path_1 "/a", $wherry_path_2 "/a/b", ...
    map "$wherry_site$wherry_path_2" $wherry_depth_2 { default $wherry_depth_1; "a.example/a/b" "..."; }
    map "$wherry_site$wherry_path_1" $wherry_depth_1 { default $wherry_depth_0; ... }
    map $wherry_site                 $wherry_depth_0 { default ""; "a.example" "..."; }

One map for each depth that some path has, so ten thousand hosts or paths stay a handful of hash tables: a
server block for each costs 2 seconds to load, this costs 15 milliseconds.  A path prefix is whole segments
(``/api`` is not ``/apis``), as in a Kubernetes Ingress.

nginx looks strings up without regard to case, which is right for hosts and wrong for paths: a request's
segments count only where they hold no capital letter, and a path with capitals stands in a map of its own,
as an anchored regular expression.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.nginx.config import Directive, Remembered, block, simple
from wherry.proxy.nginx.quote import Code, exactly, map_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.proxy.model import Route

BUCKET = 512
"""Bytes for about nine keys: nginx tries one size of table after another until no bucket overflows."""

ENTRY_OVERHEAD = 32
"""Bytes a hash bucket needs beside the key: a pointer, a length, alignment, the bucket's end."""


class _Entry(NamedTuple):
    """A route's line, for the map of its depth, or that of its depth for paths with capitals."""

    depth: int
    capital: bool
    size: int
    line: Directive


def tables(routes: Sequence[Route], values: Sequence[str]) -> list[Directive]:
    """The maps from a request to ``$wherry_route``: the value of the route that serves it, or ""."""
    by_depth: defaultdict[int, list[Directive]] = defaultdict(list, {0: []})
    capitals: defaultdict[int, list[Directive]] = defaultdict(list)
    longest = 0
    wanted = [(route.host, route.path, value) for route, value in zip(routes, values, strict=True)]
    for depth, capital, size, line in _ENTRIES.of(wanted):
        (capitals if capital else by_depth)[depth].append(line)
        if size > longest:
            longest = size
    site = list(_site([r.host for r in routes]))
    return [
        *_sizes(len(routes), longest),
        *site,
        *_segments(sorted(by_depth), "wherry_path", "A-Z"),
        *_segments(sorted(capitals), "wherry_raw", ""),
        *_chain("$wherry_site" if site else "$host", by_depth, capitals),
    ]


def _entry(host: str, path: str, value: str) -> _Entry:
    depth = 0 if path == "/" else path.count("/")
    key = host if depth == 0 else host + path
    if path != path.lower():
        return _Entry(depth, True, len(key), Directive(exactly(key), (value,)))
    return _Entry(depth, False, len(key), Directive(map_key(key), (value,)))


_ENTRIES = Remembered(_entry)


def _sizes(count: int, longest: int) -> Iterator[Directive]:
    bucket = BUCKET
    while bucket < longest + ENTRY_OVERHEAD:
        bucket *= 2
    yield simple("map_hash_bucket_size", bucket)
    yield simple("map_hash_max_size", max(2048, count * 2))


def _site(hosts: Sequence[str]) -> Iterator[Directive]:
    """``$wherry_site``: the host, or the wildcard that covers it (any depth; an exact host wins).

    Nothing where no host is a wildcard: ``$host`` is the site then.
    """
    wildcards = sorted({h for h in hosts if h.startswith("*.")})
    if not wildcards:
        return
    suffixes = {w[1:] for w in wildcards}
    covered = sorted({h for h in hosts if not h.startswith("*.") and _covered(h, suffixes)})
    entries = [
        simple("hostnames"),
        simple("default", Code("$host")),
        *(Directive(map_key(h), (h,)) for h in (*wildcards, *covered)),
    ]
    yield block("map", (Code("$host"), Code("$wherry_site")), entries)


def _covered(host: str, suffixes: set[str]) -> bool:
    labels = host.split(".")
    return any("." + ".".join(labels[i:]) in suffixes for i in range(1, len(labels)))


def _segments(depths: Sequence[int], variable: str, without: str) -> Iterator[Directive]:
    """``$<variable>_<n>``: the path's first n segments, "" where there are fewer or they hold `without`."""
    for depth in depths:
        if depth:
            pattern = f"~^(?<{variable}_cut_{depth}>(?:/[^/{without}]+){{{depth}}})(?:/|\\z)"
            yield block(
                "map",
                (Code("$uri"), Code(f"${variable}_{depth}")),
                [simple("default", ""), Directive(Code(pattern), (Code(f"${variable}_cut_{depth}"),))],
            )


def _chain(
    site: str, by_depth: Mapping[int, list[Directive]], capitals: Mapping[int, list[Directive]]
) -> Iterator[Directive]:
    """Deepest paths last: each map's default is the one before, and the last is ``$wherry_route``."""
    steps = []
    for depth in sorted({*by_depth, *capitals}):
        for held, path, variable in (
            (by_depth, "wherry_path", "wherry_depth"),
            (capitals, "wherry_raw", "wherry_capitals"),
        ):
            if depth in held:
                source = f"{site}${path}_{depth}" if depth else site
                steps.append((source, f"${variable}_{depth}", held[depth]))
    fallback = ""
    for number, (source, variable, entries) in enumerate(steps, 1):
        into = "$wherry_route" if number == len(steps) else variable
        yield block("map", (Code(source), Code(into)), [simple("default", Code(fallback)), *entries])
        fallback = into
