"""The work behind a step that the cache lacks: run a process over layers, or write a tree, and commit."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat

from wherry.builder.execute.step_log import StepLog, failed
from wherry.builder.plan.state import PREDEFINED
from wherry.dockerfile.lines import fail
from wherry.errors import SandboxError
from wherry.layers.normalize import normalize
from wherry.layers.snapshots import SYSTEM, MountPoint
from wherry.layers.timestamps import clamp, moment
from wherry.layers.tree import ROOT_MODE
from wherry.layers.view import View
from wherry.sandbox.choose import choose
from wherry.sandbox.process import Process
from wherry.sandbox.users import read_below, resolve_user
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wherry.builder.context.folder import Context
    from wherry.builder.progress import Progress, Step
    from wherry.builder.secrets import BuildSecrets
    from wherry.builder.steps.mounting import Ready
    from wherry.builder.steps.task import Task
    from wherry.helper import Helper
    from wherry.layers.pack import Known
    from wherry.sandbox.process import Mount, Running
    from wherry.store import Store

# What a step sees of names is the same on any machine, and BuildKit's.
HOSTNAME = "buildkitsandbox"
HOSTS = f"127.0.0.1\tlocalhost {HOSTNAME}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
CHUNK = 1 << 16


class Worker:
    """Makes layers in a folder of the store that goes away with the process."""

    def __init__(
        self,
        store: Store,
        progress: Progress,
        temporary: str,
        given: BuildSecrets | None = None,
        *,
        reproducible: bool = False,
    ) -> None:
        self._store = store
        self._temporary = temporary
        self._given = given
        self._reproducible = reproducible
        self._folders = itertools.count(1)
        self._running: set[Running] = set()
        self._stopped = False
        choice = choose(store.runtime)
        self._isolation = choice.isolation
        self._snapshots = choice.snapshots
        if choice.isolation.name != "oci":
            progress.note(f"isolation {choice.isolation.name}: {choice.reason}")

    def stop(self) -> None:
        """End every process that is running, and every one that is started later."""
        self._stopped = True
        for running in tuple(self._running):
            running.kill()

    def tree(self, write: Callable[[str], Known], view: View, helper: Helper | None = None) -> str:
        """Commit a tree that `write` fills, and tells what it knows of.  Its diff ID."""
        tree = self._folder()
        _like_root(tree, view)
        since = moment(self._temporary) if self._reproducible else None
        known = write(tree)
        if since is not None:
            clamp(tree, since)
            known = known._replace(packed=None)
        return self._store.layers.commit(tree, helper, known)

    def folder(self, path: str, view: View, owner: tuple[int, int] = (0, 0)) -> str:
        """Commit a layer that has one new folder and its missing parents."""

        def write(tree: str) -> Known:
            from wherry.layers.copying import finish
            from wherry.layers.pack import Known
            from wherry.layers.tree import entry_of

            made: list[tuple[str, str | None]] = []
            above: os.stat_result | None = None
            for name in _prefixes(path):
                existing = view.find(name, follow_last=False)
                os.mkdir(f"{tree}/{name}")
                made.append((name, existing.path if existing is not None else None))
                if existing is not None:
                    above = existing.status
            for name, origin in reversed(made):
                host = f"{tree}/{name}"
                if origin is None:
                    # Folders that are made in one with setgid inherit that, and its group.
                    setgid = above is not None and above.st_mode & stat.S_ISGID
                    group = above.st_gid if above is not None and setgid and owner == (0, 0) else owner[1]
                    os.chown(host, owner[0], group)
                    os.chmod(host, ROOT_MODE | setgid)
                    continue
                entry = entry_of(b"", os.fsencode(origin), os.lstat(origin), {})
                assert entry is not None  # noqa: S101
                finish(host, entry, origin)
            return Known(alone=True)

        return self.tree(write, view)

    def run(
        self, task: Task, diff_ids: Sequence[str], context: Callable[[], Context], step: Step, scratch: str
    ) -> str:
        """Run a command over layers and commit what it changed.  The diff ID.

        `scratch` names the folder that the file system is made in; after a step of the same name, with the
        layer that it gave on top, it goes on from there.

        Raises StepError with the exit code and the last lines of its output.
        """
        links = [self._store.layers.link(diff_id) for diff_id in diff_ids]
        work = os.path.join(self._temporary, scratch)
        os.makedirs(work, exist_ok=True)
        try:
            with self._mounted(task, context) as ready:
                return self._store.layers.commit(self._changes(task, links, work, ready, step))
        except SandboxError as error:
            raise fail(task.run.location, f"RUN failed: {error.message}", hint=error.hint) from None

    def _changes(self, task: Task, links: Sequence[str], work: str, ready: Ready, step: Step) -> str:
        snapshot = self._snapshots.open(links, work, (*SYSTEM, *_places(ready.mounts, View(links))))
        log = StepLog(self._store.root, step, (*ready.secrets, *_proxy_passwords(task.env)))
        since = moment(self._temporary) if self._reproducible else None
        code = 0
        try:
            code = self._execute(snapshot.root, task, ready, log)
            log.finish()
            if code:
                raise failed(task.run, task.argv, code, log)
            changes = snapshot.changes(since)
        finally:
            snapshot.close()
            log.close(keep=bool(code))
        normalize(changes, View(links))
        return changes

    @contextlib.contextmanager
    def _mounted(self, task: Task, context: Callable[[], Context]) -> Iterator[Ready]:
        from wherry.builder.secrets import BuildSecrets
        from wherry.builder.steps.mounting import Mounting, Ready

        if not task.mounts and not task.scripts:
            yield Ready()
            return
        given = self._given or BuildSecrets()
        mounting = Mounting(
            self._store, self._snapshots, self._folder(), given, reproducible=self._reproducible
        )
        with mounting.ready(task.mounts, task.scripts, context) as ready:
            yield ready

    def _execute(self, root: str, task: Task, ready: Ready, log: StepLog) -> int:
        who = resolve_user(task.user, read_below(root))
        names = {entry.partition("=")[0] for entry in task.env}
        extra = [] if "HOME" in names else [f"HOME={who.home}"]
        env = (*task.env, *extra, *ready.env)
        process = Process(
            tuple(task.argv),
            env,
            task.workdir,
            who,
            ready.mounts,
            network=task.network,
            hostname=HOSTNAME,
            extra_hosts=task.sandbox.hosts,
            hosts=HOSTS,
            shm_size=task.sandbox.shm_size,
            ulimits=task.sandbox.ulimits,
            privileged=task.run.security == "insecure",
        )
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        reader, writer = os.pipe()
        try:
            running = self._isolation.start(root, process, stdin=null, stdout=writer, stderr=writer)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            os.close(null)
        try:
            with self._watched(running):
                while data := os.read(reader, CHUNK):
                    log.write(data)
        except BaseException:
            running.kill()
            raise
        finally:
            os.close(reader)
            code = running.wait()
        return code

    @contextlib.contextmanager
    def _watched(self, running: Running) -> Iterator[None]:
        """stop() ends it, even one that came while it was started."""
        self._running.add(running)
        try:
            if self._stopped:
                running.kill()
            yield
        finally:
            self._running.discard(running)

    def _folder(self) -> str:
        path = os.path.join(self._temporary, f"tree{next(self._folders)}")
        os.mkdir(path)
        return path


def _places(mounts: Iterable[Mount], view: View) -> Iterator[MountPoint]:
    """Where the mounts go, with all folders on the way."""
    for mount in mounts:
        if mount.target.startswith(("/dev/", "/proc/", "/sys/")):
            continue  # on a file system of the runtime's own
        names = _prefixes(view.resolve(mount.target))
        folder = mount.kind == "tmpfs" or os.path.isdir(mount.source)
        yield from (MountPoint(name, folder or name != names[-1]) for name in names)


def _prefixes(path: str) -> list[str]:
    """``a``, ``a/b``, ``a/b/c`` of ``a/b/c``."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _like_root(tree: str, view: View) -> None:
    """The uppermost tree gives the merged root its mode and owner."""
    root = view.root()
    if root is None:
        os.chmod(tree, ROOT_MODE)
        return
    os.chown(tree, root.status.st_uid, root.status.st_gid)
    os.chmod(tree, root.status.st_mode & 0o7777)


def _proxy_passwords(env: Sequence[str]) -> list[bytes]:
    """What lets one use the proxies that a step was told of: its tools print their environment."""
    pairs = (entry.partition("=") for entry in env)
    proxies = [value for name, _, value in pairs if name in PREDEFINED and "@" in value]
    if not proxies:
        return []
    from wherry.remote.urls import passwords

    return [os.fsencode(word) for value in proxies for word in passwords(value)]
