"""Follows the processes of a container by ptrace(2), where the kernel or the runtime tells no listener.

A filter of system calls stops a process before each call that looks for a file by its name, and nowhere
else (PTRACE_EVENT_SECCOMP).  Every process that a followed one starts is followed, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import threading

from wherry import linux
from wherry.sandbox.notes import Notes
from wherry.sandbox.watched import GO
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

# linux/ptrace.h
CONTINUE, LISTEN, SEIZE = 7, 0x4208, 0x4206
FORK, VFORK, CLONE, EXEC, SECCOMP, STOP = 1, 2, 3, 4, 7, 128
EXIT_KILL = 1 << 20
OPTIONS = EXIT_KILL | 1 << FORK | 1 << VFORK | 1 << CLONE | 1 << EXEC | 1 << SECCOMP
WAIT = 0x40000000 | 0x20000000  # __WALL, and __WNOTHREAD: others wait for what they started
STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
# Where the number of the call and its arguments are among the registers of NT_PRSTATUS.
REGISTERS = {"x86_64": (15, (14, 13, 12, 7, 9, 8)), "aarch64": (8, (0, 1, 2, 3, 4, 5))}
CREDENTIALS = struct.Struct("3i")


class Traced(Notes):
    """A context in which a process joins at `path` (sandbox.watched) to be followed; any number of them."""

    def __init__(self, path: str) -> None:
        """`path` is in a folder that is the caller's to remove.  Raises OSError for a long one."""
        super().__init__()
        self.path = path
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(path)
        self._server.listen()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> Traced:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """To be left when the container has ended."""
        self._server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            # Only the thread that follows a process can let it go on.
            thread = threading.Thread(target=self._follow, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _follow(self, connection: socket.socket) -> None:
        with connection:
            said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
            try:
                linux.ptrace(SEIZE, CREDENTIALS.unpack(said)[0], 0, OPTIONS)
            except OSError:
                return
            connection.send(GO)
        while True:
            try:
                pid, status = os.waitpid(-1, WAIT)
            except ChildProcessError:
                return
            if os.WIFSTOPPED(status):
                with contextlib.suppress(ProcessLookupError):
                    self._let_go(pid, os.WSTOPSIG(status), status >> 16)

    def _let_go(self, pid: int, number: int, event: int) -> None:
        if event == SECCOMP:
            call, arguments = REGISTERS[os.uname().machine]
            found = linux.registers(pid)
            self.note(pid, found[call], [found[place] for place in arguments])
        if event == STOP and number in STOPPING:
            linux.ptrace(LISTEN, pid, 0, 0)
        else:
            linux.ptrace(CONTINUE, pid, 0, 0 if event else number)
