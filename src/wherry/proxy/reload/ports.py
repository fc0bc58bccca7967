"""Whether the addresses that a configuration listens on can be had, in better words than nginx has."""

from __future__ import annotations

import errno
import glob
import os
import socket
import stat

from wherry.errors import ProxyError
from wherry.proxy import regular
from wherry.proxy.nginx.listens import Address, addresses
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 16 << 20
"""Bytes of an included file that is looked into."""


def free_to_listen(text: str, held: str = "") -> bool:
    """Whether nginx can take the addresses in `text` beside those of `held`, which it listens on now.

    False where one of its own is in the way (``*:80`` now and ``127.0.0.1:80`` wanted): it has to let go of
    that first.  Raises ProxyError for the first address that somebody else has, or that is not allowed:
    ``nginx -t`` passes over an address in use, and a running nginx tries for 2.5 seconds and then says it
    in its log.
    """
    own = _listens(held) if held else []
    taken = {(address.host, address.port) for address in own}
    for address in _listens(text):
        if (address.host, address.port) in taken:
            continue
        error = _bind(address)
        if error is None:
            continue
        if error.errno == errno.EADDRINUSE and any(one.port == address.port for one in own):
            return False
        raise ProxyError(f"cannot listen on {address}: {error.strerror}", hint=_hint(error.errno))
    return True


def _listens(text: str) -> list[Address]:
    return addresses(text, _included, 80 if os.geteuid() == 0 else 8000)


def _included(pattern: str) -> Iterator[str]:
    """The texts of files; nginx looks for those without a / at the front in a folder of our own."""
    for path in sorted(glob.glob(pattern)) if pattern.startswith("/") else ():
        try:
            if stat.S_ISFIFO(os.stat(path).st_mode):
                raise ProxyError(
                    f"the configuration includes {path}, which is a named pipe",
                    hint="nginx would wait for whoever writes to it: include a file",
                )
            yield regular.read(path, LARGEST).decode("utf-8", "replace")
        except OSError:
            continue


def _bind(address: Address) -> OSError | None:
    """What is against it; a name is left to nginx."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.inet_pton(family, address.host or "0.0.0.0")  # noqa: S104  what nginx will do
    except OSError:
        return None
    try:
        with socket.socket(family) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not address.dual)  # as nginx does
            link.bind((address.host or "0.0.0.0", address.port))  # noqa: S104
    except OSError as error:
        return error
    return None


def _hint(number: int | None) -> str:
    if number == errno.EADDRINUSE:
        return "see who has it with `ss -ltnp`, or choose another address with --listen"
    if number in (errno.EACCES, errno.EPERM):
        return "ports below 1024 are root's: choose a higher one with --listen"
    if number == errno.EAFNOSUPPORT:
        return "this machine has no IPv6: choose an IPv4 address with --listen"
    return "choose an address of this machine with --listen"
