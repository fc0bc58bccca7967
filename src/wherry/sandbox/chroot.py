"""Isolation by chroot(2) alone, as ``buildah --isolation chroot``.

Where mounting is possible (root with `--isolation chroot`, or a user namespace) the process still gets its
own PID, IPC and mount namespaces, with /proc, /sys and a /dev of its own.  Where it is not (root in a
container with Docker's default profile) device nodes are made and the files of /etc written for as long as
the process runs, and put back exactly as they were; it may make no nodes of its own, which nothing would
keep it from using.
"""

from __future__ import annotations

import os
import signal
import stat
import time

from wherry import linux
from wherry.errors import UnsupportedError, in_words
from wherry.sandbox.beginning import limits, settle
from wherry.sandbox.places import check_places
from wherry.sandbox.programs import find_program
from wherry.sandbox.rootfs import RootfsSetup
from wherry.sandbox.supervise import (
    Supervised,
    close_streams,
    exit_code,
    in_pid_namespace,
    own_terminal,
    take_streams,
)
from wherry.store.locks import held
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from wherry.sandbox.process import Process, Running

# The numbers of spec.CAPABILITIES (linux/capability.h); the others leave the bounding set.
KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31})
CAP_MKNOD = 27
LAST_CAPABILITY = 40


class Chroot:
    """See sandbox.process.Isolation."""

    name = "chroot"

    def __init__(self, *, mounts: bool) -> None:
        self.mounts = mounts

    def start(self, root: str, process: Process, *, stdin: int, stdout: int, stderr: int) -> Running:
        program = find_program(root, process)
        check_places(root, process)
        self._refuse(process)
        files = (stdin, stdout, stderr)
        if self.mounts:
            supervisor = in_pid_namespace(
                (), {}, files, lambda: _mounted(root, process, program, files), join=_network(process)
            )
            return Supervised(supervisor, 1)
        parent = os.getpid()
        supervisor = os.fork()
        if supervisor == 0:
            _supervise(parent, root, process, program, files)
        # SIGTERM: it ends the processes and puts the root in order before it goes.
        return Supervised(supervisor, 1, signal.SIGTERM)

    def _refuse(self, process: Process) -> None:
        if process.readonly and not self.mounts:
            raise UnsupportedError(
                "nothing can be mounted here, so the root cannot be read-only", hint="leave --read-only out"
            )
        if process.shm_size and not self.mounts:
            raise UnsupportedError(
                "nothing can be mounted here, so /dev/shm has no size of its own",
                hint="leave --shm-size out",
            )
        if process.network != "host" and not self.mounts:
            raise UnsupportedError(
                "this container may make no network of its own",
                hint="use --network host here, or run wherry where it may use namespaces",
            )
        fixed = [mount.target for mount in process.mounts if not mount.movable]
        if fixed and not self.mounts:
            raise UnsupportedError(
                f"nothing can be mounted here, so not {fixed[0]} either",
                hint="copy files with wherry cp, or run wherry where it may mount",
            )


def _network(process: Process) -> Callable[[], None] | None:
    """An OCI runtime makes an empty network by itself; here it is made before the process."""
    if process.network == "none":
        from wherry.sandbox.network import enter_empty

        return enter_empty
    return process.join


def _mounted(root: str, process: Process, program: str, files: tuple[int, int, int]) -> None:
    """In the new namespaces: mount what a process expects, and become it."""
    from wherry.sandbox.chrootmounts import mount_all

    mount_all(root, process, files[0])
    take_streams(files)
    _become(process, program, lambda: _enter(root), KEPT_CAPABILITIES)


def _enter(root: str) -> None:
    """A root that is left behind cannot be climbed back to, as one above a chroot can."""
    try:
        linux.pivot_root(root)
    except OSError:  # refused where the old root is the kernel's first (initramfs)
        os.chroot(root)


def _supervise(parent: int, root: str, process: Process, program: str, files: tuple[int, int, int]) -> None:
    """The supervisor's whole life where nothing can be mounted.  Does not return."""
    code = 125
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # SIGTERM, not SIGKILL: wherry may be gone, but the root is still to be put in order.
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGTERM)
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        with RootfsSetup(root, process):
            if os.getppid() == parent:
                code = _run(root, process, program, files)
            kill_inside(root)
    except BaseException as error:
        os.write(
            files[2], f"error: the chroot could not be made: {in_words(error)}\n".encode(errors="replace")
        )
    finally:
        os._exit(code)


def _run(root: str, process: Process, program: str, files: tuple[int, int, int]) -> int:
    child = os.fork()
    if child == 0:
        try:
            settle()
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            take_streams(files)
            _become(process, program, lambda: os.chroot(root), KEPT_CAPABILITIES - {CAP_MKNOD})
        except BaseException as error:
            os.write(2, f"error: {error}\n".encode(errors="replace"))
        finally:
            os._exit(126)
    close_streams(keep=held())
    while True:
        if signal.sigwait({signal.SIGTERM, signal.SIGCHLD}) == signal.SIGTERM:
            os.kill(child, signal.SIGKILL)
        done, status = os.waitpid(-1, os.WNOHANG)
        while done:
            if done == child:
                return exit_code(status)
            done, status = _reap()


def _reap() -> tuple[int, int]:
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def _become(
    process: Process, program: str, enter: Callable[[], None], capabilities: frozenset[int]
) -> NoReturn:
    """Enter the root, drop what a container may not have, and start the program."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    if process.tty:
        own_terminal()
    # These import something, or connect: not any more inside the root.
    _limit(process)
    begin_to_be_watched = _watched(process)
    linux.join_new_session_keyring()
    enter()
    try:
        os.chdir(process.cwd)
    except FileNotFoundError:
        os.makedirs(process.cwd)
        os.chdir(process.cwd)
    _own_null()
    linux.drop_inheritable()
    kept = range(LAST_CAPABILITY + 1) if process.privileged else capabilities
    for capability in range(LAST_CAPABILITY + 1):
        if capability not in kept and linux.prctl(linux.PR_CAPBSET_READ, capability):
            linux.prctl(linux.PR_CAPBSET_DROP, capability)
    begin_to_be_watched()
    os.setgroups(list(process.user.groups))
    os.setgid(process.user.gid)
    os.setuid(process.user.uid)
    env = dict(entry.partition("=")[::2] for entry in process.env)
    os.execve(program, list(process.args), env)  # noqa: S606


def _watched(process: Process) -> Callable[[], None]:
    if process.watch is None or process.privileged:
        return lambda: None
    from wherry.sandbox.watched import beginning

    return beginning(process.watch)


def _own_null() -> None:
    """The host's /dev/null would be in reach by its descriptor, to change its mode and owner."""
    null = os.makedev(1, 3)
    for number in (0, 1, 2):
        status = os.fstat(number)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == null:
            try:
                own = os.open("/dev/null", os.O_RDWR)
            except OSError:
                return  # the root has none
            os.dup2(own, number)
            os.close(own)


def _limit(process: Process) -> None:
    import resource

    for name, soft, hard in limits(process):
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (soft, hard))


def kill_inside(root: str) -> None:
    """End every process whose root is `root`: what a step left running in the background."""
    for _ in range(50):
        found = [pid for pid in os.listdir("/proc") if pid.isdigit() and _root_of(pid) == root]
        for pid in found:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        _reap()
        if not found:
            return
        time.sleep(0.01)


def _root_of(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/root")
    except OSError:
        return ""
