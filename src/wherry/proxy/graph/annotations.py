"""PURE: the ``wherry.dev/*`` annotations: their table, and text to values.

    wherry.dev/host             a.example, *.b.example   default <service>.<namespace>.<domain>
    wherry.dev/path             /api                     default /
    wherry.dev/port             a port's name or number  default: the one named http, else 80, else first
    wherry.dev/protocol         http | https             default: https for a port named https or 443
    wherry.dev/connect-timeout  1s                       how long nginx waits (ms, s, m, h)
    wherry.dev/read-timeout     60s
    wherry.dev/send-timeout     60s
    wherry.dev/body-size        1m                       largest request body (k, m, g; 0: no limit)
    wherry.dev/websocket        true | false             default true
    wherry.dev/buffering        true | false             default false: answers go out as they come

A name with a port's name behind a dot (``wherry.dev/host.admin``) makes one more route, to that port.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.digits import whole
from wherry.errors import nearest
from wherry.proxy import names
from wherry.proxy.model import Settings
from wherry.proxy.names import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_HOSTS = 64
LONGEST_WAIT = 24 * 3600 * 1000
LARGEST_BODY = 1 << 40

_TIME = re.compile(r"([0-9]{1,9})(ms|s|m|h|)\Z")
_SIZE = re.compile(r"([0-9]{1,15})([kmg]?)\Z")
_MILLISECONDS = {"ms": 1, "s": 1000, "": 1000, "m": 60_000, "h": 3_600_000}
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SETTINGS = frozenset(Settings._fields) - {"protocol"}
USUAL = Settings()
_YES_NO = {"true": True, "on": True, "false": False, "off": False}


class RouteSpec(NamedTuple):
    """What one Service asks for, for one of its ports; None where it says nothing."""

    port: str | None = None
    host: tuple[str, ...] | None = None
    path: str = "/"
    protocol: str | None = None
    settings: Settings = Settings()


class Problem(NamedTuple):
    """One annotation that is not followed, and costs its Service the route."""

    reason: str
    message: str


def read(pairs: tuple[tuple[str, str], ...]) -> tuple[list[RouteSpec], list[Problem]]:
    """What the annotations ask for: the main route first, then one for each ``name.port`` group.

    What cannot be followed, a name or a value, costs the whole route: half of it served could open what was
    meant to be closed.  A fault in the main group is one in all of them, for they begin with it.
    """
    if not pairs:
        return [RouteSpec()], []
    groups: dict[str, dict[str, str]] = {"": {}}
    problems: list[Problem] = []
    unknown: set[str] = set()
    for key, value in pairs:
        name, _, port = key.partition(".")
        groups.setdefault(port, {})[name] = value
        if name not in READERS or (port and name == "port"):
            problems.append(Problem("unknown-annotation", _unknown(key)))
            unknown.add(port)
    if "" in unknown:
        return [], problems
    specs = []
    for port in [port for port in groups if port not in unknown]:
        try:
            specs.append(_spec(port, groups[""] | groups[port]))
        except Refused as refused:
            problems.append(Problem("bad-annotation", str(refused)))
    return specs, problems


def _spec(port: str, values: Mapping[str, str]) -> RouteSpec:
    settings: dict[str, Any] = {}
    rest: dict[str, Any] = {"port": port} if port else {}
    for name, value in values.items():
        field = name.replace("-", "_")
        try:
            (settings if field in _SETTINGS else rest).setdefault(field, READERS[name](value))
        except Refused as refused:
            raise Refused(f"wherry.dev/{name}: {refused}") from None
    return RouteSpec(settings=Settings(**settings) if settings else USUAL, **rest)


def _hosts(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(names.host(part.strip(" ")) for part in text.split(",")))
    if len(found) > MOST_HOSTS:
        raise Refused(f"more than {MOST_HOSTS} hosts")
    return found


def _port(text: str) -> str:
    port = whole(text, 65535)
    if port:
        return str(port)
    return names.label(text)


def _protocol(text: str) -> str:
    if text not in ("http", "https"):
        raise Refused(f"{names.shown(text)} is neither http nor https")
    return text


def _time(text: str) -> int:
    found = _TIME.match(text)
    milliseconds = int(found[1]) * _MILLISECONDS[found[2]] if found else 0
    if not 1 <= milliseconds <= LONGEST_WAIT:
        raise Refused(f"{names.shown(text)} is not a time between 1ms and 24h (say 500ms, 30s, 2m)")
    return milliseconds


def _size(text: str) -> int:
    found = _SIZE.match(text.lower() if text.isascii() else "")
    size = int(found[1]) * _BYTES[found[2]] if found else -1
    if not 0 <= size <= LARGEST_BODY:
        raise Refused(f"{names.shown(text)} is not a size (say 512k, 10m, 1g, or 0 for no limit)")
    return size


def _flag(text: str) -> bool:
    if text not in _YES_NO:
        raise Refused(f"{names.shown(text)} is neither true nor false")
    return _YES_NO[text]


def _unknown(key: str) -> str:
    name = key.partition(".")[0]
    near = nearest(name, list(READERS))
    meant = f"; did you mean {near}?" if near else ""
    if name == "expose":
        meant = "; make it a label"
    return f"wherry.dev/{names.shown(key)[1:-1]} is not an annotation of wherry{meant}"


READERS: dict[str, Callable[[str], object]] = {
    "host": _hosts,
    "path": names.path,
    "port": _port,
    "protocol": _protocol,
    "connect-timeout": _time,
    "read-timeout": _time,
    "send-timeout": _time,
    "body-size": _size,
    "websocket": _flag,
    "buffering": _flag,
}
