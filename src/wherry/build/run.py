"""The work behind a step that the cache lacks: run a process over layers, or write a tree, and commit."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from wherry.dockerfile.lines import fail
from wherry.errors import SandboxError, StepError
from wherry.layers.pack import pack
from wherry.layers.tree import ROOT_MODE
from wherry.layers.view import View
from wherry.layers.writefile import write_all
from wherry.sandbox.choose import choose
from wherry.sandbox.process import Process
from wherry.sandbox.users import read_below, resolve_user
from wherry.store import LayerInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.build.progress import Progress
    from wherry.dockerfile.ast import Run
    from wherry.store import Store

TAIL = 20
KEPT_LOGS = 10
CHUNK = 1 << 16


class Worker:
    """Makes layers in a folder of the store that goes away with the process."""

    def __init__(self, store: Store, progress: Progress, temporary: str) -> None:
        self._store = store
        self._progress = progress
        self._temporary = temporary
        self._count = 0
        choice = choose()
        self._isolation = choice.isolation
        self._snapshots = choice.snapshots
        if choice.isolation.name != "oci":
            progress.note(f"isolation {choice.isolation.name}: {choice.reason}")

    def close(self) -> None:
        """Nothing is held between steps; the folder belongs to the caller."""

    def tree(self, write: Callable[[str], None], view: View) -> str:
        """Commit a tree that `write` fills.  Its diff ID."""
        tree = self._folder()
        _like_root(tree, view)
        write(tree)
        return self._commit(tree)

    def folder(self, path: str, view: View) -> str:
        """Commit a layer that has one new folder and its missing parents."""

        def write(tree: str) -> None:
            from wherry.layers.copying import finish
            from wherry.layers.tree import entry_of

            parts = path.split("/")
            made: list[tuple[str, str | None]] = []
            for end in range(1, len(parts) + 1):
                name = "/".join(parts[:end])
                existing = view.find(name, follow_last=False)
                os.mkdir(f"{tree}/{name}")
                made.append((name, existing.path if existing is not None else None))
            for name, origin in reversed(made):
                host = f"{tree}/{name}"
                if origin is None:
                    os.chmod(host, ROOT_MODE)
                    continue
                entry = entry_of(b"", os.fsencode(origin), os.lstat(origin), {})
                assert entry is not None  # noqa: S101
                finish(host, entry, origin)

        return self.tree(write, view)

    def run(
        self,
        run: Run,
        diff_ids: Sequence[str],
        argv: Sequence[str],
        env: Sequence[str],
        user: str,
        workdir: str,
        network: str,
    ) -> str:
        """Run a command over layers and commit what it changed.  The diff ID.

        Raises StepError with the exit code and the last lines of its output.
        """
        links = [self._store.layers.link(diff_id) for diff_id in diff_ids]
        work = os.path.join(self._temporary, "run")
        os.makedirs(work, exist_ok=True)
        snapshot = self._snapshots.open(links, work)
        log = _Log(self._store.root, self._progress)
        failed = False
        try:
            code = self._execute(snapshot.root, argv, env, user, workdir, network, log)
            if code:
                failed = True
                raise _failed(run, argv, code, log)
            changes = snapshot.changes()
        except SandboxError as error:
            raise fail(run.location, f"RUN failed: {error.message}", hint=error.hint) from None
        finally:
            snapshot.close()
            log.close(keep=failed)
        return self._commit(changes)

    def _execute(
        self,
        root: str,
        argv: Sequence[str],
        env: Sequence[str],
        user: str,
        workdir: str,
        network: str,
        log: _Log,
    ) -> int:
        who = resolve_user(user, read_below(root))
        names = {entry.partition("=")[0] for entry in env}
        extra = [] if "HOME" in names else [f"HOME={who.home}"]
        process = Process(tuple(argv), (*env, *extra), workdir, who, network=network)
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
            while data := os.read(reader, CHUNK):
                log.write(data)
        except BaseException:
            running.kill()
            raise
        finally:
            os.close(reader)
            code = running.wait()
        return code

    def _folder(self) -> str:
        self._count += 1
        path = os.path.join(self._temporary, f"tree{self._count}")
        os.mkdir(path)
        return path

    def _commit(self, tree: str) -> str:
        """Hash a finished tree and give it to the store."""
        packed = pack(tree)
        self._store.layers.add(tree, LayerInfo(packed.diff_id, packed.size, packed.tar_size))
        if os.path.exists(tree):
            from wherry.layers.remove import remove_tree

            remove_tree(tree)
        return packed.diff_id


def _like_root(tree: str, view: View) -> None:
    """The uppermost tree gives the merged root its mode and owner."""
    root = view.root()
    if root is None:
        os.chmod(tree, ROOT_MODE)
        return
    os.chown(tree, root.status.st_uid, root.status.st_gid)
    os.chmod(tree, root.status.st_mode & 0o7777)


class _Log:
    """The whole output of a step in a file, its last lines in memory.

    The file of a step that failed stays, with those of the last failures before it; others go.
    """

    def __init__(self, root: str, progress: Progress) -> None:
        self._progress = progress
        folder = os.path.join(root, "logs")
        os.makedirs(folder, exist_ok=True)
        for old in sorted(os.listdir(folder))[:-KEPT_LOGS]:
            os.unlink(os.path.join(folder, old))
        self.path = os.path.join(folder, f"step-{time.time_ns()}-{os.getpid()}.log")
        self._file = os.open(self.path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._tail = b""

    def write(self, data: bytes) -> None:
        write_all(self._file, data)
        self._progress.output(data)
        self._tail = (self._tail + data)[-(1 << 14) :]

    def tail(self) -> list[str]:
        text = self._tail.decode("utf-8", "replace").rstrip("\n")
        return text.split("\n")[-TAIL:] if text else []

    def close(self, *, keep: bool) -> None:
        os.close(self._file)
        if not keep:
            os.unlink(self.path)


def _failed(run: Run, argv: Sequence[str], code: int, log: _Log) -> StepError:
    place = run.location
    span = str(place.line) if place.end_line == place.line else f"{place.line}-{place.end_line}"
    command = " ".join(argv)
    shown = command if len(command) <= 200 else command[:197] + "..."
    lines = [f"process {shown!r} did not complete successfully: exit code: {code}"]
    lines += [f"  {line}" for line in log.tail()]
    lines.append(f"{place.name}:{span}")
    lines += [f"  {number:>4} | {text}" for number, text in enumerate(place.lines, place.line)]
    hint = _exit_hint(code) + f"the whole output is in {log.path}"
    return StepError("\n".join(lines), hint=hint)


def _exit_hint(code: int) -> str:
    if code == 127:
        return "127 means that a command was not found; "
    if code == 137:
        return "137 means that it was killed (out of memory?); "
    return ""
