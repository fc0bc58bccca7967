"""Is told of each file that the processes of a container look for by name, and lets them go on.

The kernel asks a listener before each such call (seccomp_unotify(2)), whoever the user is; nothing of the
container is changed by it, but that it waits for the answer.  What is told is what was asked for, whether
it is there or not: a name in a process's memory may be another one when the kernel reads it, so this is no
check, and is used for none.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import posixpath
import select
import socket
import struct
import threading

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

RECEIVE = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV: 80 bytes
SEND = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND: 24 bytes
REQUEST = struct.Struct("=QIIiIQ6Q")
ANSWER = struct.Struct("=QqiI")
CONTINUE = 1
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


class Observer:
    """A context in which a runtime can hand over its listener at `path`; any number of them, one after
    another or at once.  `used` are absolute paths in the order in which they were first asked for, with the
    name of the call."""

    def __init__(self, path: str) -> None:
        """`path` is in a folder that is the caller's to remove.  Raises OSError for a long one."""
        self.path = path
        self.used: dict[str, str] = {}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(path)
        self._server.listen()
        self._woken, self._wake = os.pipe()
        self._calls = CALLS.get(os.uname().machine, {})
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """To be left when the container has ended: until then its calls wait for answers."""
        os.write(self._wake, b".")
        self._thread.join()
        self._server.close()
        os.close(self._wake)
        os.close(self._woken)

    def _serve(self) -> None:
        poll = select.poll()
        for number in (self._server.fileno(), self._woken):
            poll.register(number, select.POLLIN)
        listeners: set[int] = set()
        try:
            while True:
                for number, event in poll.poll():
                    if number == self._woken:
                        return
                    if number == self._server.fileno():
                        for listener in self._accept():
                            listeners.add(listener)
                            poll.register(listener, select.POLLIN)
                    elif event & select.POLLIN:
                        self._answer(number)
                    else:
                        poll.unregister(number)
                        listeners.discard(number)
                        os.close(number)
        finally:
            for number in listeners:
                os.close(number)

    def _accept(self) -> list[int]:
        """The listeners that a runtime sends with the state of its container."""
        connection, _ = self._server.accept()
        with connection:
            size = array.array("i").itemsize
            _, messages, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(8 * size))
            found = array.array("i")
            for level, kind, data in messages:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    found.frombytes(data[: len(data) // size * size])
        return list(found)

    def _answer(self, listener: int) -> None:
        request = bytearray(REQUEST.size)
        try:
            fcntl.ioctl(listener, RECEIVE, request)
        except OSError:
            return  # whoever asked is gone
        number, pid, _, call, _, _, *arguments = REQUEST.unpack(request)
        try:
            self._note(pid, call, arguments)
        finally:
            with contextlib.suppress(OSError):
                fcntl.ioctl(listener, SEND, ANSWER.pack(number, 0, 0, CONTINUE))

    def _note(self, pid: int, call: int, arguments: list[int]) -> None:
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
        return os.readlink(f"/proc/{pid}/{link}")
    except OSError:
        return ""
