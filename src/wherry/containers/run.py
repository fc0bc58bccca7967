"""Running a container: this process stands by it, keeps its log, and writes down how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from wherry.containers.state import last_words, reserve_last_words, take_lock
from wherry.containers.streams import Streams
from wherry.containers.volumes import container_mounts
from wherry.errors import ConflictError, StorageError, WherryError
from wherry.images.view import layer_paths
from wherry.oci.config import DEFAULT_PATH
from wherry.sandbox.choose import choose
from wherry.sandbox.process import Process
from wherry.sandbox.users import read_below, resolve_user
from wherry.store import locks
from wherry.store.containerconfig import HOST_GATEWAY
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wherry.layers.snapshots import Snapshot
    from wherry.sandbox.network import Network
    from wherry.sandbox.process import Running
    from wherry.store import ContainerRecord, Store
    from wherry.store.containerconfig import ContainerConfig, ExtraHost

# As docker: who presses ctrl-C three times means it.
PATIENCE = 3
UNSTARTED = 125

if TYPE_CHECKING:
    # While it is entered, signals that reach this process are given to the function.
    Signals = Callable[[Callable[[int], None]], AbstractContextManager[None]]


def run_here(
    store: Store,
    record: ContainerRecord,
    *,
    attached: bool,
    signals: Signals,
    started: Callable[[], None] = lambda: None,
) -> int:
    """Run the container to its end.  Its exit code.

    With `attached` its streams are this process's too.  `started` is called once it runs; `signals` says
    which signals are passed on to it from then on, and sets their handlers: nothing here does.  Raises
    SandboxError (125, 126, 127) if it cannot be started; the record says so too.
    """
    lock = take_lock(store, record.id)
    if lock is None:
        raise ConflictError(f"container {record.id[:12]} is already running")
    code = UNSTARTED
    begun = False

    def now_begun() -> None:
        nonlocal begun
        begun = True
        started()

    try:
        reserve_last_words(lock)
        _remove_bundles(store.containers.dir(record.id))
        code = _run(store, record, attached=attached, signals=signals, started=now_begun)
    except WherryError as error:
        code = error.exit_code
        raise
    finally:
        try:
            _end(store, record, lock, code, begun=begun)
        finally:
            locks.release(lock)
    return code


def _end(store: Store, record: ContainerRecord, lock: int, code: int, *, begun: bool) -> None:
    """Write down how it ended; with ``--rm`` the container goes.  One that never ran stays created."""
    finished = time.time() if begun or record.status != "created" else 0.0
    last_words(lock, code, finished)
    status = "exited" if begun or record.status != "created" else "created"
    _write_down(store, record, status=status, exit_code=code, finished=finished, pid=0)
    if record.config.rm:
        store.containers.remove(record.id)


def _remove_bundles(folder: str) -> None:
    """What runs of this container that were killed left of theirs (sandbox.oci)."""
    from wherry.layers.remove import remove_tree

    for name in os.listdir(folder):
        if name.startswith("bundle-"):
            remove_tree(os.path.join(folder, name))


def _write_down(store: Store, record: ContainerRecord, **fields: object) -> None:
    """Where the disk is full, the last words stand for the record (state.refreshed)."""
    with contextlib.suppress(StorageError):
        store.containers.update(record.id, **fields)


def _run(
    store: Store,
    record: ContainerRecord,
    *,
    attached: bool,
    signals: Signals,
    started: Callable[[], None],
) -> int:
    choice = choose(store.runtime)
    layers = layer_paths(store, record.config.layers, f"container {record.name}")
    network: Network | None = None
    snapshot = choice.snapshots.open(layers, store.containers.dir(record.id))
    try:
        streams = Streams(store, record, attached=attached)
        try:
            network = _connect(store, record)
            process = make_process(store, record, snapshot, network)
            rows, columns = streams.size()
            process = process._replace(rows=rows, columns=columns)
            running = choice.isolation.start(
                snapshot.root, process, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr
            )
            return _watch(store, record, running, streams, signals, started)
        finally:
            streams.close()
    finally:
        if network is not None:
            network.close()
        snapshot.close()


def _watch(
    store: Store,
    record: ContainerRecord,
    running: Running,
    streams: Streams,
    signals: Signals,
    started: Callable[[], None],
) -> int:
    """Stand by what was started until nothing of it runs any more, whatever happens.  Its exit code."""
    try:
        streams.close_inner()
        _begun(store, record, running)
        started()
        return _stand_by(running, streams, signals)
    except BaseException:
        running.kill()
        running.wait()
        raise


def _connect(store: Store, record: ContainerRecord) -> Network | None:
    """The container's private network, if it is to have one; the ports that were left open are chosen."""
    if record.config.network != "private":
        return None
    from wherry.sandbox.network import connect, free_port

    ports = tuple(
        port._replace(host=port.host or free_port(port.address, port.protocol))
        for port in record.config.ports
    )
    reach_host = any(host.address == HOST_GATEWAY for host in record.config.hosts)
    network = connect(ports, store.runtime.path, reach_host=reach_host)
    store.containers.update(record.id, config=record.config._replace(published=ports))
    return network


def make_process(
    store: Store, record: ContainerRecord, snapshot: Snapshot, network: Network | None
) -> Process:
    """What the record says, as a process.  Raises SandboxError for a user that the image lacks."""
    config = record.config
    docker = config.process
    user = resolve_user(docker.user, read_below(snapshot.root))
    env = list(docker.env)
    names = {entry.partition("=")[0] for entry in env}
    if "PATH" not in names:
        env.insert(0, f"PATH={DEFAULT_PATH}")
    if "HOME" not in names:
        env.append(f"HOME={user.home}")
    if docker.tty and "TERM" not in names:
        env.append("TERM=xterm")
    hostname = docker.hostname
    # With the host's network it has the host's name, unless it was given one.
    shared = config.network == "host" and hostname == record.id[:12]
    if not shared and "HOSTNAME" not in names:
        env.append(f"HOSTNAME={hostname}")
    return Process(
        docker.argv,
        tuple(env),
        docker.workdir,
        user,
        container_mounts(store, record.id, config, snapshot.root),
        os.uname().nodename if shared else hostname,
        config.network,
        network.join if network is not None else None,
        _hosts(config),
        tty=docker.tty,
        readonly=config.read_only,
    )


def _hosts(config: ContainerConfig) -> tuple[ExtraHost, ...]:
    if all(host.address != HOST_GATEWAY for host in config.hosts):
        return config.hosts
    address = "127.0.0.1"
    if config.network == "private":
        from wherry.sandbox.network import gateway

        address = gateway()
    return tuple(
        host._replace(address=address) if host.address == HOST_GATEWAY else host for host in config.hosts
    )


def _begun(store: Store, record: ContainerRecord, running: Running) -> None:
    """Write down that it runs, with the pid of its first process as soon as that exists."""
    deadline = time.monotonic() + 2
    pid = running.inner()
    while pid is None and time.monotonic() < deadline and not _ended(running):
        time.sleep(0.001)
        pid = running.inner()
    store.containers.update(
        record.id, status="running", started=time.time(), finished=0, exit_code=0, pid=pid or 0
    )


def _ended(running: Running) -> bool:
    """Whether it is over already; its exit code stays to be asked for."""
    return os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _stand_by(running: Running, streams: Streams, signals: Signals) -> int:
    """Pass on output and signals until the container ends."""
    counts = {"interrupts": 0}

    def forward(number: int) -> None:
        if number == signal.SIGWINCH:
            streams.resize()
            running.resize(*streams.size())
            return
        if number in (signal.SIGINT, signal.SIGTERM):
            counts["interrupts"] += 1
        if counts["interrupts"] >= PATIENCE:
            running.kill()
        else:
            running.signal(number)

    with signals(forward):
        while streams.readers:
            streams.pump_ready()
        return running.wait()
