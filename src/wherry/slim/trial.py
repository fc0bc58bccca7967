"""One container of an image that is tried out: started, observed, ended; nothing of it stays."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time

from wherry.containers.create import configure
from wherry.containers.names import new_id
from wherry.containers.run import make_process
from wherry.images.view import layer_paths
from wherry.oci.signals import parse_signal
from wherry.sandbox.choose import choose
from wherry.sandbox.watching import WAYS, watch, works
from wherry.store import ContainerRecord
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.containers.create import CreateOptions
    from wherry.images.view import Image
    from wherry.sandbox.network import Network
    from wherry.sandbox.notified import Notified
    from wherry.sandbox.process import Running
    from wherry.sandbox.traced import Traced
    from wherry.store import Store
    from wherry.store.containerconfig import ContainerConfig

GRACE = 10
"""Seconds between the stop signal and SIGKILL."""
PAUSE = 0.02
LONGEST_SOCKET = 100
"""Bytes of a Unix socket's path (unix(7) has room for 107)."""
MOST_OUTPUT = 1 << 24
LINES = 3


class Trial:
    """A container that runs."""

    def __init__(self, running: Running, config: ContainerConfig, log: str) -> None:
        self._running = running
        self._config = config
        self._log = log
        self._code: int | None = None

    def code(self) -> int | None:
        """Its exit code, None while it runs.  Raises CommandNotFound where it could not be started."""
        if self._code is None and os.waitid(
            os.P_PID, self._running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            self._code = self._running.wait()
        return self._code

    def wait(self, seconds: float) -> int | None:
        """The same, after at most so many seconds."""
        deadline = time.monotonic() + seconds
        while (code := self.code()) is None and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return code

    def end(self) -> None:
        """As `wherry stop`, but that nobody waits for a program that does not listen to the signal."""
        if self.code() is not None:
            return
        number = parse_signal(self._config.process.stop_signal)
        reached = reaches(self._running.inner(), number)
        self._running.signal(number)
        if self.wait((self._config.stop_timeout or GRACE) if reached else 0) is None:
            self._running.kill()
            self._code = self._running.wait()

    def output(self) -> bytes:
        """What it has written to its standard output so far."""
        return _read(f"{self._log}.out")

    def last_words(self) -> list[str]:
        """The last lines of both of its streams, for people."""
        said = _read(f"{self._log}.out") + _read(f"{self._log}.err")
        return said.decode("utf-8", "replace").strip().splitlines()[-LINES:]


@contextlib.contextmanager
def trial(
    store: Store, image: Image, options: CreateOptions, watcher: Notified | Traced | None
) -> Iterator[Trial]:
    """Run a container of an image, which need not be recorded; it is ended when the context is left.

    Volumes of the image are folders of the trial's own.  Raises UsageError, SandboxError.
    """
    container = new_id()
    config = configure(image, options, container)._replace(image_volumes=())
    record = ContainerRecord(
        container, f"slim-{container[:12]}", image.id, options.image, time.time(), config
    )
    choice = choose(store.runtime)
    layers = layer_paths(store, config.layers, f"image {options.image}")
    with store.temp() as work, contextlib.ExitStack() as stack:
        snapshot = choice.snapshots.open(layers, work)
        stack.callback(snapshot.close)
        network = _connect(store, config)
        if network is not None:
            stack.callback(network.close)
        process = make_process(store, record, snapshot, network)
        if watcher is not None:
            process = process._replace(watch=watch(watcher))
        log = os.path.join(work, "log")
        with (
            open(f"{log}.out", "wb") as out,
            open(f"{log}.err", "wb") as err,
            open(os.devnull, "rb") as null,
        ):
            running = choice.isolation.start(
                snapshot.root, process, stdin=null.fileno(), stdout=out.fileno(), stderr=err.fileno()
            )
        one = Trial(running, config, log)
        try:
            yield one
        finally:
            if one.code() is None:
                running.kill()
                with contextlib.suppress(Exception):
                    running.wait()


def reaches(pid: int | None, number: int) -> bool:
    """Whether a signal does anything to a process: to the first one of a namespace only what it handles, or
    blocks and waits for (pid_namespaces(7))."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            said = dict(line.partition(":\t")[::2] for line in file.read().splitlines())
        is_first = said["NSpid"].split()[-1] == "1" and len(said["NSpid"].split()) > 1
        listens = int(said["SigCgt"], 16) | int(said["SigBlk"], 16)
    except (OSError, KeyError, ValueError):
        return True
    return not is_first or bool(listens >> (number - 1) & 1)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MOST_OUTPUT)


def _connect(store: Store, config: ContainerConfig) -> Network | None:
    if config.network != "private":
        return None
    from wherry.sandbox.network import connect, free_port

    ports = tuple(
        port._replace(host=port.host or free_port(port.address, port.protocol)) for port in config.ports
    )
    return connect(ports, store.runtime.path, reach_host=False)


@contextlib.contextmanager
def watching(store: Store, way: str) -> Iterator[Notified | Traced | None]:
    """A watcher for trials, of sandbox.watching's WAYS; None for ""."""
    if not way:
        yield None
        return
    with _socket(store) as path, WAYS[way](path) as watcher:
        yield watcher


def ways(store: Store) -> Iterator[str]:
    """The ways in which trials here can be watched, the best first; the last is "", for not at all."""
    choose(store.runtime)
    for way in WAYS:
        with _socket(store) as path:
            works_here = works(way, path)
        if works_here:
            yield way
    yield ""


@contextlib.contextmanager
def _socket(store: Store) -> Iterator[str]:
    """Where one can be, for as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(store.temp())
        if len(os.fsencode(folder)) > LONGEST_SOCKET - 2:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wherry-"))
        yield os.path.join(folder, "s")
