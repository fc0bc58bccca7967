"""Images that come from a registry on this machine, go to it, and leave as an archive."""

from __future__ import annotations

import contextlib
import shutil
import socket
from typing import TYPE_CHECKING

from bench.images import make_layers
from bench.programs import CommandFailed, Daemon, NotHere, environment, output
from bench.scenarios import MOVES, Clock, Row, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.peers import Peer

MIB = 1 << 20


class Transfers(Scenario):
    FEW = Row("pull-3", "pull of 450 MB in 3 layers of 5,000 files, until it can be run", MOVES)
    MANY = Row("pull-60", "pull of 60 layers of 1 MB", MOVES)
    FIRST = Row("push-first", "push of 500 MB in 2,000 files", MOVES)
    AGAIN = Row("push-again", "push of the same again", MOVES)
    SAVE = Row("save", "save of the same", MOVES)
    COPY = Row("copy", "copy of the 3 layers from one registry to another", MOVES)
    rows = (FEW, MANY, FIRST, AGAIN, SAVE, COPY)

    def prepare(self, work: Path) -> None:
        if shutil.which("docker-registry") is None:
            raise NotHere("docker-registry (apt-get install docker-registry)")
        self._work = work
        self._archives = {
            "few": make_layers(work / "few.tar", "bench-few", layers=3, files=5000, size=150 * MIB),
            "many": make_layers(work / "many.tar", "bench-many", layers=60, files=50, size=MIB),
            "push": make_layers(work / "push.tar", "bench-push", layers=1, files=2000, size=500 * MIB),
        }
        self._host, self._registry = _registry(work, "registry")
        self._other, self._second = _registry(work, "second")
        self._ready: set[str] = set()

    def round(self, number: int, peers: Sequence[Peer], clock: Clock) -> None:
        movers = [peer for peer in peers if peer.moves]
        for peer in movers:
            if peer.key not in self._ready:
                self._load(peer)
        for row, kind in ((self.FEW, "few"), (self.MANY, "many")):
            for peer in movers:
                name = f"{self._host}/pulled/{kind}"
                peer.forget(name, f"bench-{kind}")
                clock(row, peer.key, peer.pull(name))
        for peer in movers:
            self._push(peer, f"{self._host}/pushed/{peer.key}{number}", clock)
        for peer in peers:
            if peer.copies:
                shutil.rmtree(self._work / "second/docker", ignore_errors=True)
                names = f"{self._host}/pulled/few:latest", f"{self._other}/copied/{peer.key}{number}:latest"
                clock(self.COPY, peer.key, peer.copy(*names))

    def _load(self, peer: Peer) -> None:
        """Every peer has the images; what is pulled was pushed by the first one."""
        for kind, archive in self._archives.items():
            peer.load_archive(archive)
            if kind != "push" and not self._ready:
                name = f"{self._host}/pulled/{kind}"
                peer.tag(f"bench-{kind}", name)
                command = peer.push(name)
                output(*command.argv, env=command.env)
        self._ready.add(peer.key)

    def _push(self, peer: Peer, name: str, clock: Clock) -> None:
        """To a registry that has nothing of it, of layers that nobody has compressed yet."""
        peer.tag("bench-push", name)
        peer.forget_compressed()
        shutil.rmtree(self._work / "registry/docker/registry/v2/repositories/pushed", ignore_errors=True)
        for blob in (self._work / "registry/docker/registry/v2/blobs/sha256").glob("*/*"):
            if (blob / "data").stat().st_size > 160 * MIB:
                shutil.rmtree(blob)
        clock(self.FIRST, peer.key, peer.push(name))
        clock(self.AGAIN, peer.key, peer.push(name))
        saved = self._work / f"{peer.key}.tar"
        clock(self.SAVE, peer.key, peer.save("bench-push", saved))
        saved.unlink(missing_ok=True)
        with contextlib.suppress(CommandFailed):
            peer.forget(name)


def _registry(work: Path, name: str) -> tuple[str, Daemon]:
    """Its host, and its process, which ends with ours."""
    host = f"localhost:{_free_port()}"
    config = work / f"{name}.yml"
    storage = f"{{filesystem: {{rootdirectory: {work / name}}}}}"
    config.write_text(f"version: 0.1\nstorage: {storage}\nhttp: {{addr: '{host}'}}\n")
    words = ["docker-registry", "serve", str(config)]
    return host, Daemon(words, environment(work), work / f"{name}.log")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
