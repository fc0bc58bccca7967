"""A network for the measurements alone: nothing of the machine's is in it, and nothing there hears of it.

Every address of the cluster's Services is one of this machine there, so that one backend stands for them
all and says which of them it was asked at.
"""

from __future__ import annotations

from bench.programs import CommandFailed, NotHere, output
from wherry import linux

SERVICES = "10.96.0.0/14"
"""Addresses of Services: enough for ten thousand."""
SERVER = "10.99.255.1"
"""The API server's: it will not be told that it is at a loopback address."""


def enter_own_network() -> None:
    """From here on this thread, and what it starts, are in it.  Raises NotHere."""
    try:
        linux.unshare(linux.CLONE_NEWNET)
        output("ip", "link", "set", "lo", "up")
        output("ip", "route", "add", "local", SERVICES, "dev", "lo")
    except (OSError, CommandFailed) as error:
        raise NotHere(f"a network of one's own: {error}") from None


def cluster_ip(number: int) -> str:
    """The address of Service `number`."""
    return f"10.97.{number >> 8}.{number & 255}"
