"""PURE: which addresses a configuration listens on, however somebody wrote it."""

from __future__ import annotations

import functools
import ipaddress
import re

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|[;{}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|\$\{[^}]*\}?|[^\s;{\\])+|\\""",
    re.DOTALL,
)
# Each begins with a word, which is looked for as fast as memory goes: ten thousand routes are a megabyte.
_LISTEN = re.compile(r"""listen(?<![^\s;{}"']listen)["'\s]""")
_INCLUDE = re.compile(r"""include(?<![^\s;{}"']include)["'\s]""")
_SERVER = re.compile(r"server\s*\{")
_OURS = re.compile(r"listen (?<=\n    listen )(\S+) default_server;\n")
DEEPEST = 8
"""Files that include one another."""


class Address(NamedTuple):
    """`host`: an IP address, "" for all of IPv4, or a name.  `dual`: IPv4 as well (``ipv6only=off``)."""

    host: str
    port: int
    dual: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host or '*'}:{self.port}"


def addresses(text: str, included: Callable[[str], Iterable[str]], default: int = 80) -> list[Address]:
    """The TCP addresses of all ``listen`` directives in servers, in order, each once.

    `included` gives the texts of the files that an ``include`` names; `default` is the port of a server
    that has no ``listen`` (80 for root, 8000 for others).
    """
    words = _emitted(text)
    if words:
        return list(dict.fromkeys(address for word in words for address in _address(word, ())))
    return list(dict.fromkeys(_Reader(included, default).read(text, "http", 0)))


@functools.lru_cache(4)  # what is served, and what shall be, each asked for several times
def _emitted(text: str) -> tuple[str, ...]:
    """The words behind ``listen`` where the emitter wrote `text`, else none."""
    words = _OURS.findall(text)
    if len(_SERVER.findall(text)) != 1 or len(_LISTEN.findall(text)) != len(words):
        return ()
    return () if _INCLUDE.search(text) else tuple(words)


class _Reader:
    """Reads words as nginx does (ngx_conf_read_token)."""

    def __init__(self, included: Callable[[str], Iterable[str]], default: int) -> None:
        self._included = included
        self._default = default

    def read(self, text: str, context: str, depth: int) -> Iterator[Address]:
        blocks: list[tuple[str, bool]] = []  # name, and whether a listen was seen in it
        words: list[str] = []
        for piece in _TOKEN.findall(text):
            if piece[0].isspace() or piece[0] == "#":
                continue
            if piece == "{":
                blocks.append((words[0] if words else "", False))
                words = []
            elif piece == "}":
                name, seen = blocks.pop() if blocks else ("", True)
                if name == "server" and not seen and _is_http(blocks):
                    yield Address("", self._default)
                words = []
            elif piece == ";":
                inside = blocks[-1][0] if blocks else context
                if words and words[0] == "listen" and inside == "server":
                    if blocks:
                        blocks[-1] = (inside, True)
                    yield from _address(words[1] if len(words) > 1 else "", words[2:])
                elif len(words) == 2 and words[0] == "include" and depth < DEEPEST:
                    for more in self._included(words[1]):
                        found = list(self.read(more, inside, depth + 1))
                        if found and blocks:
                            blocks[-1] = (inside, True)
                        yield from found
                words = []
            else:
                words.append(_plain(piece))


def _is_http(blocks: list[tuple[str, bool]]) -> bool:
    """Whether a server ends that is one of http, not of a stream or an upstream's."""
    return not blocks or blocks[-1][0] == "http"


def _plain(piece: str) -> str:
    """A word without its quotes and escapes."""
    if len(piece) > 1 and piece[0] in "\"'" and piece[-1] == piece[0]:
        piece = piece[1:-1]
    return re.sub(r"\\([\"'\\ ])", r"\1", piece)


def _address(word: str, rest: Iterable[str]) -> Iterator[Address]:
    """Nothing for what is no TCP address, or what nginx will refuse."""
    rest = tuple(rest)
    if not word or word.startswith("unix:") or "$" in word or {"quic", "udp"} & set(rest):
        return
    host, ports = _parted(word)
    first, _, last = ports.partition("-")
    if not re.fullmatch("[0-9]{1,5}", first) or not re.fullmatch("(?:[0-9]{1,5})?", last):
        return
    for port in range(int(first), min(int(last or first), 65535) + 1):
        yield Address(host, port, ":" in host and "ipv6only=off" in rest)


def _parted(word: str) -> tuple[str, str]:
    """Host and port or ports: ``8080``, ``*:8080``, ``a``, ``a:1``, ``[::]``, ``[::]:1``."""
    if word.startswith("["):
        host, _, port = word[1:].partition("]")
        return _canonical(host), port.removeprefix(":") or "80"
    if re.fullmatch("[0-9]+(?:-[0-9]+)?", word):
        return "", word
    host, _, port = word.partition(":")
    return ("" if host == "*" else _canonical(host)), port or "80"


def _canonical(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        ip = ipaddress.ip_address(host)
        return "" if ip.version == 4 and ip.is_unspecified else str(ip)
    except ValueError:
        return host
