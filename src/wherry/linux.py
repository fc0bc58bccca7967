"""System calls that Python 3.11 does not offer, through ctypes.  Nothing here decides anything.

Each raises OSError with the kernel's error number, naming the path where there is one.
"""

from __future__ import annotations

import functools
import os

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MNT_DETACH = 0x2

AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_KEEPCAPS = 8

CAP_SYS_ADMIN = 21


@functools.cache
def libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, name: str | bytes | None = None) -> int:
    import ctypes

    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def mount(source: str, target: str, fstype: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    _check(
        libc().mount(
            os.fsencode(source),
            os.fsencode(target),
            None if fstype is None else fstype.encode(),
            flags,
            None if data is None else os.fsencode(data),
        ),
        target,
    )


def umount2(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _check(libc().umount2(os.fsencode(target), flags), target)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(libc().unshare(flags))


def setns(file: int, flags: int) -> None:
    """setns(2)."""
    _check(libc().setns(file, flags))


def rename_new(source: str, target: str) -> None:
    """renameat2(2) with RENAME_NOREPLACE: raises FileExistsError also where `target` is an empty folder."""
    _renameat2(source, target, RENAME_NOREPLACE)


def exchange(source: str, target: str) -> None:
    """renameat2(2) with RENAME_EXCHANGE: at no instant is either of them absent."""
    _renameat2(source, target, RENAME_EXCHANGE)


def _renameat2(source: str, target: str, flags: int) -> None:
    old, new = os.fsencode(source), os.fsencode(target)
    _check(libc().renameat2(AT_FDCWD, old, AT_FDCWD, new, flags), target)


def prctl(option: int, value: int, third: int = 0) -> int:
    """prctl(2) with number arguments."""
    import ctypes

    word = ctypes.c_ulong
    return _check(libc().prctl(option, word(value), word(third), word(0), word(0)))


def has_capability(number: int) -> bool:
    """Whether this process has a capability in its effective set (proc(5), CapEff)."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> number & 1)
    return False
