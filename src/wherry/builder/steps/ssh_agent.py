"""An ssh agent's socket for a step: a socket of our own that passes everything on.

The agent's own socket belongs to the user who started it and may lie where the step cannot reach it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading

CHUNK = 1 << 16


class Relay:
    """Listens on `path` and connects each client to the agent that listens on `agent`."""

    def __init__(self, path: str, agent: str) -> None:
        self._agent = agent
        self._listener = socket.socket(socket.AF_UNIX)
        self._bind(path)
        self._listener.listen()
        self._accepting = threading.Thread(target=self._serve, name="ssh agent", daemon=True)

    def __enter__(self) -> Relay:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept() is woken by this, not by close().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        # It may be about to accept: the number of a closed descriptor may be another relay's by then.
        self._accepting.join()
        self._listener.close()

    def _bind(self, path: str) -> None:
        """By its file descriptor's folder: a unix socket's path has room for 107 bytes only."""
        folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._listener.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        finally:
            os.close(folder)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as agent:
            try:
                agent.connect(self._agent)
            except OSError:
                return
            back = threading.Thread(target=_pass_on, args=(agent, client), daemon=True)
            back.start()
            _pass_on(client, agent)
            back.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    """One direction, until it ends; then the other direction hears of the end, too."""
    with contextlib.suppress(OSError):
        while data := one.recv(CHUNK):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)
