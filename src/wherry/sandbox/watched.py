"""A process that begins to be watched: its side of sandbox.notified and sandbox.traced.

Both need a filter of system calls (seccomp(2)): it tells a listener, or a tracer, of the calls that look
for a file by its name, and lets all others pass.  An OCI runtime puts a filter of its own in force;
everybody else does it here.
"""

from __future__ import annotations

import os
import socket
import struct

from wherry import linux
from wherry.sandbox.notes import CALLS
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.sandbox.process import Watch

# linux/audit.h, linux/seccomp.h, linux/bpf_common.h
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NOTIFY, TRACE, ALLOW = 0x7FC00000, 0x7FF00000, 0x7FFF0000
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, ARCHITECTURE = 0, 4
"""Offsets in struct seccomp_data."""
INSTRUCTION = struct.Struct("=HBBI")
GO = b"."


def program(machine: str, action: int) -> bytes:
    """PURE: instructions of a filter: `action` for what looks for files; other architectures pass."""
    calls = sorted(CALLS[machine])
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_EQUAL, 0, len(calls) + 1, ARCHITECTURES[machine]),
        (LOAD, 0, 0, NUMBER),
        *((JUMP_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, action),
    ]
    return b"".join(INSTRUCTION.pack(*line) for line in lines)


def joined(watch: Watch) -> None:
    """Wait until a tracer follows this process and all that it starts.  Raises OSError if none does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(watch.path)
        if connection.recv(1) != GO:
            raise PermissionError("the process cannot be traced")


def beginning(watch: Watch) -> Callable[[], None]:
    """What puts the filter in force; whatever it needs of this root is done now.

    A process that may not administer its user namespace gives up privileges of setuid programs for that.
    """
    if watch.traced:
        joined(watch)
        traced = linux.Filter(program(os.uname().machine, TRACE))
        return lambda: _traced(traced)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(watch.path)
    told = linux.Filter(program(os.uname().machine, NOTIFY))

    def begin() -> None:
        listener = _install(told, listens=True)
        socket.send_fds(connection, [GO], [listener])
        os.close(listener)
        connection.close()

    return begin


def _traced(own: linux.Filter) -> None:
    _install(own, listens=False)


def _install(own: linux.Filter, *, listens: bool) -> int:
    try:
        return own.install(listens=listens)
    except PermissionError:
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        return own.install(listens=listens)
