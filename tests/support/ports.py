"""Free ports on loopback, and waiting for one to answer."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import time
import urllib.request
from pathlib import Path

FIRST, LAST = 10_000, 29_999
"""None that the kernel gives to an outgoing connection, and no node port of Kubernetes."""


def free_port() -> int:
    while True:
        port = random.SystemRandom().randint(FIRST, LAST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def fetch(url: str, *, within: float = 60.0, trusting: Path | None = None) -> str:
    """The body, asking again until somebody answers; `trusting` is the certificate of an authority.  Raises
    the last error after `within` seconds."""
    context = ssl.create_default_context(cafile=str(trusting)) if trusting is not None else None
    deadline = time.monotonic() + within
    while True:
        try:
            with urllib.request.urlopen(url, timeout=within, context=context) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
