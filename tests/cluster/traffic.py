"""Requests at an address of the node, and what became of them."""

from __future__ import annotations

import http.client
import socket

from support.clients import Clients

PATIENCE = 10.0


def ask(address: str, host: str, path: str = "/", link: http.client.HTTPConnection | None = None) -> str:
    """The first word of the answer's body where it is 200, else its status or what happened instead."""
    one = link or http.client.HTTPConnection(address, timeout=PATIENCE)
    doing = "connecting"
    try:
        if one.sock is None:
            one.connect()
        doing = "asking"
        one.request("GET", path, headers={"Host": host})
        answer = one.getresponse()
        body = answer.read().decode()
        return body.split()[0] if answer.status == 200 and body else str(answer.status)
    except (OSError, http.client.HTTPException) as error:
        one.close()
        return f"{doing}: {error!r}"
    finally:
        if link is None:
            one.close()


class WebSocket:
    """A connection that became one; the pod behind it gives lines back."""

    def __init__(self, address: str, host: str) -> None:
        name, _, port = address.rpartition(":")
        self._link = socket.create_connection((name, int(port)), PATIENCE)
        self._file = self._link.makefile("rb")
        words = f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        self._link.sendall(words.encode())
        assert b" 101 " in self._file.readline()
        while self._file.readline().strip():
            pass

    def echoes(self) -> bool:
        """Whether a line comes back; not so once the connection has ended."""
        try:
            self._link.sendall(b"line\n")
            return self._file.readline() == b"line\n"
        except ConnectionError:
            return False

    def close(self) -> None:
        self._file.close()
        self._link.close()


class Load(Clients):
    """Clients that connect anew for each request, and one that keeps its connection, until the block ends.

    A kept connection that nginx has closed is opened again, as clients do, and the request sent once more.
    """

    def __init__(self, address: str, host: str, clients: int = 3) -> None:
        super().__init__([self._anew] * clients + [self._kept])
        self._where = (address, host)

    @property
    def failures(self) -> dict[str, int]:
        """Answers that are no pod's."""
        return {said: times for said, times in self.seen.items() if not said.startswith("pod:")}

    def _anew(self) -> None:
        # A port that was left is free again after a minute: 28,000 are enough for all clients at this pace.
        while not self.stop.wait(0.01):
            self.count(ask(*self._where))

    def _kept(self) -> None:
        address, host = self._where
        link = http.client.HTTPConnection(address, timeout=PATIENCE)
        while not self.stop.wait(0.005):
            said = ask(address, host, link=link)
            if "RemoteDisconnected" in said or "ConnectionReset" in said:
                said = ask(address, host, link=link)
            self.count(said)
        link.close()
