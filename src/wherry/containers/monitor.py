"""Running a container: this process stands by it, keeps its log, and writes down how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from wherry.containers.log import LogWriter, log_path
from wherry.containers.state import last_words, reserve_last_words, take_lock
from wherry.containers.volumes import container_mounts
from wherry.errors import ConflictError, SandboxError, StorageError, WherryError, from_os
from wherry.handlers import handle, restore
from wherry.images.view import layer_paths
from wherry.oci.config import DEFAULT_PATH
from wherry.sandbox.choose import choose
from wherry.sandbox.process import Process
from wherry.sandbox.users import read_below, resolve_user
from wherry.store import locks
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.layers.snapshots import Snapshot
    from wherry.sandbox.network import Network
    from wherry.sandbox.process import Running
    from wherry.store import ContainerRecord, Store

CHUNK = 1 << 16
FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
# As docker: who presses ctrl-C three times means it.
PATIENCE = 3
UNSTARTED = 125


def run_here(
    store: Store,
    record: ContainerRecord,
    *,
    attached: bool,
    started: Callable[[], None] = lambda: None,
) -> int:
    """Run the container to its end.  Its exit code.

    With `attached` its streams are this process's too.  `started` is called once it runs.  Raises
    SandboxError (125, 126, 127) if it cannot be started; the record says so too.
    """
    lock = take_lock(store, record.id)
    if lock is None:
        raise ConflictError(f"container {record.id[:12]} is already running")
    code = UNSTARTED
    try:
        reserve_last_words(lock)
        _remove_bundles(store.containers.dir(record.id))
        code = _run(store, record, attached=attached, started=started)
    except WherryError as error:
        code = error.exit_code
        raise
    finally:
        try:
            _end(store, record, lock, code)
        finally:
            locks.release(lock)
    return code


def _end(store: Store, record: ContainerRecord, lock: int, code: int) -> None:
    """Write down how it ended; with ``--rm`` the container goes."""
    finished = time.time()
    last_words(lock, code, finished)
    _write_down(store, record, status="exited", exit_code=code, finished=finished, pid=0)
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


def _run(store: Store, record: ContainerRecord, *, attached: bool, started: Callable[[], None]) -> int:
    choice = choose()
    layers = layer_paths(store, record.config.layers, f"container {record.name}")
    network: Network | None = None
    snapshot = choice.snapshots.open(layers, store.containers.dir(record.id))
    try:
        streams = _Streams(store, record, attached=attached)
        try:
            network = _connect(store, record)
            process = make_process(store, record, snapshot, network)
            running = choice.isolation.start(
                snapshot.root, process, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr
            )
            return _watch(store, record, running, streams, started)
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
    streams: _Streams,
    started: Callable[[], None],
) -> int:
    """Stand by what was started until nothing of it runs any more, whatever happens.  Its exit code."""
    try:
        streams.close_inner()
        _begun(store, record, running)
        started()
        return _stand_by(running, streams)
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
    network = connect(ports)
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
        tuple(config.hosts),
        tty=docker.tty,
        readonly=config.read_only,
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


class _Streams:
    """The container's standard streams: pipes to this process, or the terminal itself with a tty."""

    def __init__(self, store: Store, record: ContainerRecord, *, attached: bool) -> None:
        docker = record.config.process
        self.attached = attached
        self.log = LogWriter(log_path(store, record.id))
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        interactive = attached and docker.open_stdin
        self.stdin = 0 if interactive else self._null
        self.readers: dict[int, str] = {}
        self._writers: list[int] = []
        if attached and docker.tty and os.isatty(1):
            self.stdin, self.stdout, self.stderr = 0, 1, 2
            return
        self.stdout = self._pipe("stdout")
        self.stderr = self._pipe("stderr")

    def _pipe(self, name: str) -> int:
        reader, writer = os.pipe()
        self.readers[reader] = name
        self._writers.append(writer)
        return writer

    def close_inner(self) -> None:
        """The container has its ends of the pipes; ours would keep them open for ever."""
        for writer in self._writers:
            os.close(writer)
        self._writers.clear()

    def pump(self, reader: int) -> bool:
        """Pass on what can be read.  False at the end of the stream."""
        data = os.read(reader, CHUNK)
        name = self.readers[reader]
        if not data:
            os.close(reader)
            del self.readers[reader]
            return False
        self.log.write(name, data)
        if self.attached:
            self._show(1 if name == "stdout" else 2, data)
        return True

    def _show(self, file: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(file, view) :]
            except OSError as error:
                # Who read our output went away, or has no room: the container runs on, and its log goes on.
                self.attached = False
                if not isinstance(error, BrokenPipeError):
                    self._say(f"the output cannot be shown any more: {error.strerror}")
                return

    @staticmethod
    def _say(text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(2, f"warning: {text}; wherry logs has it\n".encode())

    def close(self) -> None:
        self.close_inner()
        for reader in self.readers:
            os.close(reader)
        os.close(self._null)
        self.log.close()


def _stand_by(running: Running, streams: _Streams) -> int:
    """Pass on output and signals until the container ends."""
    counts = {"interrupts": 0}

    def forward(number: int, _frame: object) -> None:
        if number in (signal.SIGINT, signal.SIGTERM):
            counts["interrupts"] += 1
        if counts["interrupts"] >= PATIENCE:
            running.kill()
        else:
            running.signal(number)

    before = handle(FORWARDED, forward)
    try:
        while streams.readers:
            ready, _, _ = select.select(list(streams.readers), [], [])
            for reader in ready:
                streams.pump(reader)
        return running.wait()
    finally:
        restore(before)


def start_detached(store: Store, record: ContainerRecord) -> None:
    """Run the container in a process of its own that outlives this one.

    Returns when it has begun.  Raises what its start raised.
    """
    reader, writer = os.pipe()
    store.database.close()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _monitor(store, record, _Answer(writer))
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as file:
        said = file.read().decode("utf-8", "replace")
    if said == "ok":
        return
    code, _, message = said.partition("\n")
    error = SandboxError(message or "the monitor ended before the container began")
    error.exit_code = int(code) if code.isdigit() else 125
    raise error


class _Answer:
    """What a monitor tells who started it, once: later its pipe's number may be another file's."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe

    def give(self, text: str) -> None:
        if self._pipe is not None:
            pipe, self._pipe = self._pipe, None
            with contextlib.suppress(OSError):
                os.write(pipe, text.encode("utf-8", "replace"))
            os.close(pipe)


def _monitor(store: Store, record: ContainerRecord, answer: _Answer) -> None:
    """The monitor's whole life.  Does not return."""
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        run_here(store, record, attached=False, started=lambda: answer.give("ok"))
    except BaseException as error:
        answer.give(_failure(error))
    finally:
        os._exit(0)


def _failure(error: BaseException) -> str:
    """The exit code, and below it what is said."""
    if isinstance(error, OSError):
        error = from_os(error)
        error.exit_code = UNSTARTED
    if not isinstance(error, WherryError):
        return f"{UNSTARTED}\n{type(error).__name__}: {error}"
    hint = f"\nhint: {error.hint}" if error.hint else ""
    return f"{error.exit_code}\n{error.message}{hint}"
