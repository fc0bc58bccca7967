"""Run a command as on a kernel without a system call, or without one of its flags.

    python -m support.denied listener|seccomp COMMAND…

``listener``: seccomp(2) knows no listeners, as before Linux 5.0.  ``seccomp``: it knows no filters.
"""

from __future__ import annotations

import os
import struct
import sys

from wherry import linux

LOAD, AND, EQUAL, RETURN = 0x20, 0x54, 0x15, 0x06
ALLOW, ERROR, EINVAL = 0x7FFF0000, 0x00050000, 22
NUMBER, SECOND = 0, 24
"""Offsets in struct seccomp_data: the call, the lower half of its second argument."""


def program(*, all_: bool) -> bytes:
    """A filter under which seccomp(2) fails with EINVAL: with the flag for a listener, or always."""
    call = linux.SYS_SECCOMP[os.uname().machine]
    flag = linux.SECCOMP_FILTER_FLAG_NEW_LISTENER
    lines = [
        (LOAD, 0, 0, NUMBER),
        (EQUAL, 0, 3, call),
        (LOAD, 0, 0, SECOND),
        (AND, 0, 0, 0 if all_ else flag),
        (EQUAL, 1, 0, 0 if all_ else flag),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, ERROR | EINVAL),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


if __name__ == "__main__":
    linux.Filter(program(all_=sys.argv[1] == "seccomp")).install(listens=False)
    os.execvp(sys.argv[2], sys.argv[2:])
