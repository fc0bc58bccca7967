"""Whether the addresses that a configuration listens on can be had, in better words than nginx has."""

from __future__ import annotations

import errno
import re
import socket

from wherry.errors import ProxyError

# Begins with a word: looked for like one, where "^ *" would be tried at each of a hundred thousand lines.
_LISTEN = re.compile(r"listen (?:(\[[0-9a-f:]+\]|[0-9.]+):)?([0-9]+)[ ;]")


def free_to_listen(text: str, held: str = "") -> None:
    """Raises ProxyError for the first address in `text` that is taken or not allowed.

    `held` is the text that nginx serves now: its addresses are nginx's own.  ``nginx -t`` passes over an
    address in use, and a running nginx tries for 2.5 seconds and then says it in its log.
    """
    own = _addresses(held)
    for host, port in _addresses(text):
        if (host, port) in own:
            continue
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        with socket.socket(family) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as nginx does
            try:
                link.bind((host.strip("[]") or "0.0.0.0", int(port)))  # noqa: S104  what nginx will do
            except OSError as error:
                raise ProxyError(
                    f"cannot listen on {host or '*'}:{port}: {error.strerror}", hint=_hint(error.errno)
                ) from None


def _addresses(text: str) -> list[tuple[str, str]]:
    """Host, "" for all, and port of each directive ``listen``, which begins its line."""
    found = []
    for match in _LISTEN.finditer(text):
        line = text.rfind("\n", 0, match.start()) + 1
        if not text[line : match.start()].strip(" "):
            found.append((match[1] or "", match[2]))
    return found


def _hint(number: int | None) -> str:
    if number == errno.EADDRINUSE:
        return "see who has it with `ss -ltnp`, or choose another address with --listen"
    if number in (errno.EACCES, errno.EPERM):
        return "ports below 1024 are root's: choose a higher one with --listen"
    return "choose an address of this machine with --listen"
