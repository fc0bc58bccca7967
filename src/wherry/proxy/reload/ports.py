"""Whether the addresses that a configuration listens on can be had, in better words than nginx has."""

from __future__ import annotations

import errno
import re
import socket

from wherry.errors import ProxyError

_LISTEN = re.compile(r"^ *listen (?:(\[[0-9a-f:]+\]|[0-9.]+):)?([0-9]+)[ ;]", re.MULTILINE)


def free_to_listen(text: str) -> None:
    """Raises ProxyError for the first address in `text` that is taken or not allowed.

    nginx tries for 2.5 seconds and then says it in its log.
    """
    for host, port in _LISTEN.findall(text):
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        with socket.socket(family) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                link.bind((host.strip("[]") or "0.0.0.0", int(port)))  # noqa: S104  what nginx will do
            except OSError as error:
                raise ProxyError(
                    f"cannot listen on {host or '*'}:{port}: {error.strerror}", hint=_hint(error.errno)
                ) from None


def _hint(number: int | None) -> str:
    if number == errno.EADDRINUSE:
        return "see who has it with `ss -ltnp`, or choose another address with --listen"
    if number in (errno.EACCES, errno.EPERM):
        return "ports below 1024 are root's: choose a higher one with --listen"
    return "choose an address of this machine with --listen"
