"""Isolation by an OCI runtime: crun, or runc."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile

from wherry import linux
from wherry.errors import SandboxError
from wherry.layers.rootpath import resolve
from wherry.sandbox.beginning import limits
from wherry.sandbox.devices import mount_nodes
from wherry.sandbox.files import container_files
from wherry.sandbox.places import check_places
from wherry.sandbox.programs import find_program
from wherry.sandbox.spec import Machine, runtime_config
from wherry.sandbox.supervise import Supervised, children, in_pid_namespace, set_size, status_numbers
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.runtime import Runtime
    from wherry.sandbox.process import Process, Running

RUNTIMES = ("crun", "runc")
# wherry -> supervisor -> runtime -> the container's first process.
DEPTH = 1
CGROUPS = "/sys/fs/cgroup"
HYBRID = CGROUPS + "/unified"


def find_runtime(who: Runtime) -> str | None:
    """The program to use: the one that was chosen, else crun (9 ms a start here), else runc (38 ms)."""
    for name in (who.oci_runtime,) if who.oci_runtime else RUNTIMES:
        path = shutil.which(name, path=who.path)
        if path:
            return path
    return None


class Oci:
    """See sandbox.process.Isolation.  To be used in a private mount namespace.  `path` is its PATH."""

    name = "oci"

    def __init__(self, runtime: str, *, rootless: bool, path: str) -> None:
        self.runtime = runtime
        self._path = path
        self.rootless = rootless

    def start(self, root: str, process: Process, *, stdin: int, stdout: int, stderr: int) -> Running:
        find_program(root, process)
        check_places(root, process)
        # Beside the root, in a folder that the store sweeps: nothing is left if we are killed.
        bundle = tempfile.mkdtemp(prefix="bundle-", dir=os.path.dirname(root))
        try:
            files = container_files(bundle, process)
            machine = self._machine(bundle, process)
            config = runtime_config(root, process, files, machine)
            with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
                json.dump(config, file)
            supervisor = in_pid_namespace(
                self._command(bundle, process),
                {"PATH": self._path},
                (stdin, stdout, stderr),
                lambda: self._prepare(root, process, machine),
                join=process.join,
                tty=process.tty,
            )
        except BaseException:
            shutil.rmtree(bundle, ignore_errors=True)
            raise
        return _Container(supervisor, bundle)

    def _machine(self, bundle: str, process: Process) -> Machine:
        """File systems of a user namespace are `nodev` already; there the runtime binds the host's."""
        return Machine(
            self.rootless,
            nodes="" if self.rootless or process.privileged else os.path.join(bundle, "nodes"),
            capabilities=_capabilities() if process.privileged else 0,
            cpus=os.cpu_count() or 0,
            limits=limits(process),
            folders=frozenset(m.source for m in process.mounts if os.path.isdir(m.source)),
        )

    def _prepare(self, root: str, process: Process, machine: Machine) -> None:
        """In the mount namespace that the runtime is started in."""
        if self._is_crun():
            _hide_cgroups()
        else:
            _freeze_cgroups()
        if process.readonly:
            os.makedirs(resolve(root, process.cwd), exist_ok=True)
        if process.privileged:
            linux.mount_setattr(root, clear=linux.MOUNT_ATTR_NODEV)
        elif machine.nodes:
            os.mkdir(machine.nodes)
            mount_nodes(machine.nodes)
        if process.watch is not None and process.watch.traced:
            from wherry.sandbox.watched import joined

            joined(process.watch)

    def _is_crun(self) -> bool:
        return os.path.basename(self.runtime).startswith("crun")

    def _command(self, bundle: str, process: Process) -> list[str]:
        state = os.path.join(bundle, "state")
        # runc cannot be told to make no cgroups, but "rootless" it goes on where it may not make any.
        options = ["--cgroup-manager=disabled"] if self._is_crun() else ["--rootless=true"]
        return [self.runtime, *options, "--root", state, "run", "--bundle", bundle, "wherry"]


class _Container(Supervised):
    """A container, and the folder with its configuration, which goes with it."""

    def __init__(self, supervisor: int, bundle: str) -> None:
        super().__init__(supervisor, DEPTH)
        self._bundle = bundle

    def inner(self) -> int | None:
        """runc goes through two processes before the one that becomes the container's."""
        runtime = super().inner()
        found = children(runtime) if runtime is not None else []
        return next((pid for pid in found if _is_first(pid)), None)

    def resize(self, rows: int, columns: int) -> None:
        """crun passes SIGWINCH on, and not the size: its end of the program's terminal is told."""
        runtime = super().inner()
        if runtime is None or not rows or not columns:
            return
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{runtime}/fd"):
                if os.readlink(f"/proc/{runtime}/fd/{name}").endswith("ptmx"):
                    terminal = linux.pidfd_getfd(runtime, int(name))
                    set_size(terminal, rows, columns)
                    os.close(terminal)

    def wait(self) -> int:
        try:
            return super().wait()
        finally:
            shutil.rmtree(self._bundle, ignore_errors=True)


def _capabilities() -> int:
    """Our effective ones, as bits (proc_pid_status(5))."""
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))


def _is_first(pid: int) -> bool:
    """Whether a process is number 1 of its PID namespace (proc_pid_status(5), NSpid)."""
    return status_numbers(pid, "NSpid:")[-1:] == [1]


def _freeze_cgroups() -> None:
    """Make the cgroups read-only for runc: one that was killed would leave its own behind.

    In a user namespace their mounts are locked, and runc may make none there anyway.
    """
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        places = [line.split()[4] for line in file]
    flags = linux.MS_BIND | linux.MS_REMOUNT | linux.MS_RDONLY
    flags |= linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    for place in places:
        if place == CGROUPS or place.startswith(CGROUPS + "/"):
            try:
                linux.mount("none", place, None, flags)
            except PermissionError:
                return


def _hide_cgroups() -> None:
    """Hide hybrid cgroups, which crun before 1.9 refuses even when it is told to use none.

    Covered rather than unmounted: in a user namespace the mounts of the host are locked.
    """
    if os.path.ismount(HYBRID):
        linux.mount("tmpfs", CGROUPS, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)


def require_runtime(who: Runtime) -> str:
    runtime = find_runtime(who)
    if runtime is None:
        raise SandboxError(
            "no OCI runtime is on PATH (looked for crun, then runc)",
            hint="apt-get install crun, or use --isolation chroot as root",
        )
    return runtime
