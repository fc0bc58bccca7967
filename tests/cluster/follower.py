"""wherry's own list and watch, followed by a test; and a wire to the server that can be cut."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

from cluster.programs import LIMIT, wait
from wherry.kube.access import Finder
from wherry.kube.client import Client
from wherry.kube.reflector import Policy
from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES, EndpointSlice
from wherry.proxy.resources.service import SERVICES, Service
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.sources.cluster import Cluster

QUICK = Policy(first_pause=0.02, longest_pause=0.2, connect=5.0)


class Follower:
    """Implements source.Sink: remembers everything that a source says."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.heartbeats = 0
        self.restarts: list[str] = []
        self.said: list[str] = []

    def snapshot(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def heartbeat(self) -> None:
        self.heartbeats += 1

    def restarted(self, reason: str) -> None:
        self.restarts.append(reason)

    @property
    def services(self) -> dict[str, Service]:
        last = self.snapshots[-1] if self.snapshots else Snapshot()
        return {f"{s.namespace}/{s.name}": s for s in last.of(SERVICES)}

    @property
    def slices(self) -> dict[str, EndpointSlice]:
        last = self.snapshots[-1] if self.snapshots else Snapshot()
        return {f"{s.namespace}/{s.name}": s for s in last.of(ENDPOINT_SLICES)}

    def sees(self, *names: str) -> None:
        """Waits until these are all the Services there are."""
        self.until(lambda: bool(self.snapshots) and set(self.services) == set(names), f"not seen: {names}")

    def until(self, condition: Callable[[], object], otherwise: str, within: float = LIMIT) -> None:
        wait(condition, otherwise, within, last_words=self._all)

    def _all(self) -> str:
        return f"{self.snapshots[-1:]}\nrestarts {self.restarts}\nsaid {self.said}"


@contextlib.contextmanager
def following(
    finder: Finder, namespaces: Sequence[str], selector: str = "", policy: Policy = QUICK
) -> Iterator[Follower]:
    """Follow until the block ends; what goes wrong in the thread fails the test."""
    follower, stop = Follower(), threading.Event()
    source = Cluster(Client(finder, policy), namespaces, selector, follower.said.append, policy)
    crashes: list[BaseException] = []

    def run() -> None:
        try:
            source.run(follower, stop)
        except BaseException as error:
            crashes.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield follower
    finally:
        stop.set()
        thread.join(LIMIT)
    assert not thread.is_alive(), "it does not end when it is told to"
    assert not crashes, crashes


class Wire:
    """A port on loopback that passes bytes on to another, until told otherwise."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._heard, self._orders = socket.socketpair()
        self._other_end: dict[socket.socket, socket.socket] = {}
        self._frozen: list[socket.socket] = []
        self._up = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def cut(self) -> None:
        """Close what is open; new connections go through."""
        self._order(b"c")

    def down(self) -> None:
        """Close what is open, and what is opened from now on."""
        self._order(b"d")

    def up(self) -> None:
        self._order(b"u")

    def freeze(self) -> None:
        """What is open stays so and carries nothing any more; new connections go through."""
        self._order(b"f")

    def close(self) -> None:
        self._order(b"e")
        self._thread.join()
        for end in (self._listener, self._heard, self._orders):
            end.close()

    def _order(self, word: bytes) -> None:
        """All is done in one thread; this one waits for it."""
        self._orders.sendall(word)
        assert self._orders.recv(1) == word

    def _run(self) -> None:
        word = b""
        while word != b"e":
            word = b""
            ready, _, _ = select.select([self._listener, self._heard, *self._other_end], [], [])
            for end in ready:
                if end is self._heard:
                    word = self._heard.recv(1)
                    self._obey(word)
                    self._heard.sendall(word)
                elif end is self._listener:
                    self._accept()
                elif end in self._other_end:
                    self._pass_on(end)

    def _obey(self, word: bytes) -> None:
        if word == b"f":
            self._frozen += self._other_end
        else:
            self._up = word != b"d"
            for end in [*self._other_end, *self._frozen] if word != b"u" else []:
                end.close()
        if word != b"u":
            self._other_end = {}

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            if not self._up:
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
        except OSError:
            client.close()
        else:
            self._other_end |= {client: server, server: client}

    def _pass_on(self, source: socket.socket) -> None:
        target = self._other_end[source]
        try:
            data = source.recv(1 << 16)
            target.sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (source, target):
                del self._other_end[end]
                end.close()
