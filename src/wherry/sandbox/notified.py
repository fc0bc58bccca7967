"""Is told of each file that the processes of a container look for by name, and lets them go on.

The kernel asks a listener before each such call (seccomp_unotify(2)), whoever the user is; nothing of the
container is changed by it, but that it waits, where signals do not interrupt that (Linux 5.19).
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
import threading

from wherry.sandbox.notes import Notes
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

RECEIVE = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV: 80 bytes
SEND = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND: 24 bytes
REQUEST = struct.Struct("=QIIiIQ6Q")
ANSWER = struct.Struct("=QqiI")
CONTINUE = 1


class Notified(Notes):
    """A context in which a runtime, or sandbox.watched, can hand over its listener at `path`; any number of
    them, one after another or at once."""

    def __init__(self, path: str) -> None:
        """`path` is in a folder that is the caller's to remove.  Raises OSError for a long one."""
        super().__init__()
        self.path = path
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(path)
        self._server.listen()
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Notified:
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
            self.note(pid, call, arguments)
        finally:
            _let_go(listener, number)


def _let_go(listener: int, number: int) -> None:
    try:
        fcntl.ioctl(listener, SEND, ANSWER.pack(number, 0, 0, CONTINUE))
    except OSError as error:
        # A kernel that knows no such answer: nobody waits for ever.
        if error.errno == errno.EINVAL:
            with contextlib.suppress(OSError):
                fcntl.ioctl(listener, SEND, ANSWER.pack(number, 0, -errno.ENOSYS, 0))
