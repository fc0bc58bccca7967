"""One request after another until the new route answers."""

from __future__ import annotations

import socket
import time

from bench.programs import CommandFailed

PAUSE = 0.001
"""Seconds between two requests: with the request itself, how finely a change is timed."""


def ask(address: tuple[str, int], host: str, path: str = "/") -> tuple[int, str]:
    """Status and body, on a connection of its own.  Raises CommandFailed where no answer comes."""
    words = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    data = b""
    try:
        with socket.create_connection(address, 5.0) as link:
            link.sendall(words.encode())
            while part := link.recv(65536):
                data += part
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), body.decode().strip()
    except (OSError, IndexError, ValueError) as error:
        raise CommandFailed(f"{host} at {address[0]}:{address[1]}: {error}") from None


def until(address: tuple[str, int], host: str, wanted: str, seconds: float = 20.0) -> float:
    """The clock (perf_counter) when `host` first answers `wanted`: its body, or its status.

    Raises CommandFailed after `seconds`, or where a request is not answered at all: a change must not cost
    one.
    """
    end = time.perf_counter() + seconds
    while True:
        status, body = ask(address, host)
        now = time.perf_counter()
        if wanted in (body, str(status)):
            return now
        if now > end:
            raise CommandFailed(f"{host} answers {status} {body!r} after {seconds:.0f} s, not {wanted!r}")
        time.sleep(PAUSE)
