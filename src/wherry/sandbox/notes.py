"""What the processes of a container look for by name, as those that watch them are told.

What is told is what was asked for, whether it is there or not: a name in a process's memory may be another
one when it is read, so this is no check, and is used for none.
"""

from __future__ import annotations

import os
import posixpath

LONGEST = 4096
PAGE = 4096
AT_FDCWD = 0xFFFFFF9C
MOST = 1_000_000
EXECUTED = ("execve", "execveat")
# Numbers of the calls (asm/unistd_64.h, asm-generic/unistd.h), with the index of the path among their
# arguments; 1 is after the folder that it is relative to.
CALLS = {
    "x86_64": {
        2: ("open", 0), 4: ("stat", 0), 6: ("lstat", 0), 21: ("access", 0), 59: ("execve", 0),
        80: ("chdir", 0), 83: ("mkdir", 0), 89: ("readlink", 0), 90: ("chmod", 0), 92: ("chown", 0),
        191: ("getxattr", 0), 192: ("lgetxattr", 0), 257: ("openat", 1), 258: ("mkdirat", 1),
        260: ("fchownat", 1), 262: ("newfstatat", 1), 267: ("readlinkat", 1), 268: ("fchmodat", 1),
        269: ("faccessat", 1), 322: ("execveat", 1), 332: ("statx", 1), 437: ("openat2", 1),
        439: ("faccessat2", 1),
    },
    "aarch64": {
        8: ("getxattr", 0), 9: ("lgetxattr", 0), 34: ("mkdirat", 1), 48: ("faccessat", 1),
        49: ("chdir", 0), 53: ("fchmodat", 1), 54: ("fchownat", 1), 56: ("openat", 1),
        78: ("readlinkat", 1), 79: ("newfstatat", 1), 221: ("execve", 0), 281: ("execveat", 1),
        291: ("statx", 1), 437: ("openat2", 1), 439: ("faccessat2", 1),
    },
}  # fmt: skip


class Notes:
    """`used` are absolute paths in the order in which they were first asked for, with the name of the call;
    `heard` tells whether anything was asked for."""

    def __init__(self) -> None:
        self.used: dict[str, str] = {}
        self.heard = False
        self._calls = CALLS.get(os.uname().machine, {})

    def note(self, pid: int, call: int, arguments: list[int]) -> None:
        """A process, which waits meanwhile, makes the call of that number."""
        self.heard = True
        name, index = self._calls.get(call, ("", 0))
        if not name or len(self.used) >= MOST:
            return
        path = _text(pid, arguments[index])
        if not path:
            return
        if not path.startswith("/"):
            path = posixpath.join(_folder(pid, arguments[0] if index else AT_FDCWD), path)
        if path.startswith("/") and (path not in self.used or name in EXECUTED):
            self.used[path] = name


def _text(pid: int, address: int) -> str:
    """A text in the memory of a process; empty where it cannot be read."""
    data = b""
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            while b"\0" not in data and len(data) < LONGEST:
                place = address + len(data)
                memory.seek(place)
                piece = memory.read(PAGE - place % PAGE)
                if not piece:
                    break
                data += piece
    except (OSError, ValueError, OverflowError):
        return ""
    text, end, _ = data.partition(b"\0")
    return os.fsdecode(text) if end else ""


def _folder(pid: int, number: int) -> str:
    """What a relative path of a process is relative to; "" where nobody knows."""
    number &= 0xFFFFFFFF
    link = "cwd" if number == AT_FDCWD else f"fd/{number}"
    try:
        root, folder = os.readlink(f"/proc/{pid}/root"), os.readlink(f"/proc/{pid}/{link}")
    except OSError:
        return ""
    # The links of who was sent to another root in our own mount namespace begin with that.
    return (
        folder.removeprefix(root) or "/" if root != "/" and f"{folder}/".startswith(f"{root}/") else folder
    )
