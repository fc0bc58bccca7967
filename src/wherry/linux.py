"""System calls that Python 3.11 does not offer, through ctypes.  Nothing here decides anything.

Each raises OSError with the kernel's error number, naming the path where there is one.
"""

from __future__ import annotations

import functools
import os

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

CLONE_FS = 0x00000200
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

# mount_setattr(2)
MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
SYS_MOUNT_SETATTR = 442  # on every architecture
SYS_CLOSE_RANGE = 436
SYS_PIDFD_GETFD = 438
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2

# inotify(7)
IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_ONLYDIR = 0x1000000

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_KEEPCAPS = 8
PR_SET_NO_NEW_PRIVS = 38

CAP_SYS_ADMIN = 21
LINUX_CAPABILITY_VERSION_3 = 0x20080522
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 1 << 5
LISTENER = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
PTRACE_GETREGSET = 0x4204
NT_PRSTATUS = 1
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}


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


def mount_setattr(target: str, *, set: int = 0, clear: int = 0, recursive: bool = False) -> None:
    """mount_setattr(2), Linux 5.12: MOUNT_ATTR_ flags of a mount; `recursive`: of those below it, too."""
    import ctypes

    attributes = (ctypes.c_uint64 * 4)(set, clear, 0, 0)
    number = libc().syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        ctypes.c_char_p(os.fsencode(target)),
        ctypes.c_uint(AT_RECURSIVE if recursive else 0),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _check(number, target)


def close_range(first: int, last: int = 0xFFFFFFFF) -> None:
    """close_range(2), Linux 5.9: close all descriptors from `first` to `last`."""
    import ctypes

    word = ctypes.c_uint
    _check(libc().syscall(ctypes.c_long(SYS_CLOSE_RANGE), word(first), word(last), word(0)))


def pidfd_getfd(pid: int, number: int) -> int:
    """A descriptor of another process, as one of this process (pidfd_getfd(2))."""
    process = os.pidfd_open(pid)
    try:
        return _check(libc().syscall(SYS_PIDFD_GETFD, process, number, 0))
    finally:
        os.close(process)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(libc().unshare(flags))


def sethostname(name: str) -> None:
    """sethostname(2): of the UTS namespace that this process is in."""
    encoded = os.fsencode(name)
    _check(libc().sethostname(encoded, len(encoded)))


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


def inotify_init() -> int:
    """inotify_init1(2): a descriptor that is not waited for when it is read."""
    return _check(libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))


def inotify_add_watch(file: int, path: str, mask: int) -> int:
    """inotify_add_watch(2): events of `mask` can be read from `file`."""
    return _check(libc().inotify_add_watch(file, os.fsencode(path), mask), path)


def prctl(option: int, value: int, third: int = 0) -> int:
    """prctl(2) with number arguments."""
    import ctypes

    word = ctypes.c_ulong
    return _check(libc().prctl(option, word(value), word(third), word(0), word(0)))


class Filter:
    """A filter of system calls (seccomp(2)), given as instructions of struct sock_filter, 8 bytes each."""

    def __init__(self, instructions: bytes) -> None:
        import ctypes

        self._code = ctypes.create_string_buffer(instructions, len(instructions))
        # struct sock_fprog: a count, and after padding the address.
        self._program = (ctypes.c_uint64 * 2)(len(instructions) // 8, ctypes.addressof(self._code))
        self._call = ctypes.c_long(SYS_SECCOMP[os.uname().machine])

    def install(self, *, listens: bool) -> int:
        """Put it in force for this process and all that it starts; with `listens` the listener that is told
        of its notifications, which signals do not interrupt (Linux 5.19)."""
        flags = LISTENER if listens else 0
        return _check(libc().syscall(self._call, SECCOMP_SET_MODE_FILTER, flags, self._program))


def ptrace(request: int, pid: int, address: int, data: int) -> int:
    """ptrace(2) with number arguments."""
    import ctypes

    word = ctypes.c_ulong
    call = libc().ptrace
    call.restype = ctypes.c_long
    return _check(call(ctypes.c_long(request), ctypes.c_int(pid), word(address), word(data)))


def registers(pid: int) -> list[int]:
    """The general registers of a process that is stopped for this thread, 64 bits each."""
    import ctypes

    found = (ctypes.c_uint64 * 64)()
    place = (ctypes.c_uint64 * 2)(ctypes.addressof(found), ctypes.sizeof(found))
    ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, ctypes.addressof(place))
    return list(found)


def set_personality(value: int) -> None:
    """personality(2): 0 is what a program of this machine has."""
    import ctypes

    _check(libc().personality(ctypes.c_ulong(value)))


def drop_inheritable() -> None:
    """Take all capabilities out of the inheritable and the ambient set, which outlive the bounding set."""
    import ctypes

    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice 32 bits
    _check(libc().capget(header, data))
    data[2] = data[5] = 0
    _check(libc().capset(header, data))


def join_new_session_keyring() -> None:
    """keyctl(KEYCTL_JOIN_SESSION_KEYRING): the caller's keys are out of reach.  Does nothing on a machine
    whose number of that call is not known here, nor where a filter refuses it (as an engine's does), which
    refuses it to everything in here, too."""
    import ctypes

    number = SYS_KEYCTL.get(os.uname().machine)
    if number is not None:
        libc().syscall(ctypes.c_long(number), ctypes.c_int(1), None)


def pivot_root(root: str) -> None:
    """Make `root`, a mount point, the root of the mount namespace; the old one is gone (pivot_root(2))."""
    os.chdir(root)
    _check(libc().pivot_root(b".", b"."), root)
    umount2(".", MNT_DETACH)
    os.chdir("/")
