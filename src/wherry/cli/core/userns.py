"""A plain user becomes root of a user namespace of their own: wherry starts itself again inside it.

Inside, uid 0 is the user, and 1, 2, … are the subordinate ids of /etc/subuid and /etc/subgid (newuidmap(1),
user_namespaces(7)).  A command that touches no layer never comes here.

cli.main alone calls begin_again(): in one place the program enters namespaces.
"""

from __future__ import annotations

import os
import signal
import sys

from wherry import linux
from wherry.cli.core.surroundings import INSIDE
from wherry.errors import SandboxError
from wherry.handlers import handle
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from wherry.runtime import Runtime


class _Start(NamedTuple):
    """The command's words, and the umask that its caller had."""

    words: Sequence[str]
    umask: int


def begin_again(words: Sequence[str], runtime: Runtime, beside: int = 0) -> NoReturn:
    """Run the command `words` inside a namespace, and end as it ends.

    `beside` is the pid of a process of the same user: into the namespace that it is in, if it is there
    still.  From one of our own, its sibling, nothing of that process could be entered or looked at: only
    who is in the namespace, or owns it and is in its parent, has rights over it (user_namespaces(7)).
    Raises SandboxError where there is no namespace to be had.
    """
    start = _Start(words, runtime.umask)
    if beside:
        try:
            namespace = os.open(f"/proc/{beside}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            pass  # it has just ended
        else:
            _join(namespace, start)
    _restart(_ranges("/etc/subuid"), _ranges("/etc/subgid"), start)


def _join(namespace: int, start: _Start) -> NoReturn:
    parent = os.getpid()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            _die_with(parent)
            linux.setns(namespace, linux.CLONE_NEWUSER)
            linux.unshare(linux.CLONE_NEWNS)
            _execute(start)
        finally:
            os._exit(125)
    _pass_on(child)


def _ranges(path: str) -> list[tuple[int, int]]:
    """(first, count) of this user's rows, by name or by number.  Raises SandboxError without one."""
    import pwd

    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            rows = [line.strip().split(":") for line in file]
    except FileNotFoundError:
        rows = []
    # A number is an id: who is called 1000 has no claim to the rows of user 1000.
    owners = {str(uid)} | ({name} if not name.isdigit() else set())
    found = [
        (int(first), int(count))
        for owner, first, count in (row for row in rows if len(row) == 3)
        if owner in owners and f"{first}{count}".isascii() and first.isdigit() and count.isdigit()
    ]
    if not found:
        raise SandboxError(
            f"{path} gives {name} no subordinate ids, which images' files need for their owners",
            hint=f"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}",
        )
    return found


def _restart(uids: list[tuple[int, int]], gids: list[tuple[int, int]], start: _Start) -> NoReturn:
    """Fork; the child makes the namespace, the parent maps its ids; then the child is wherry again."""
    ready_read, ready_write = os.pipe()
    mapped_read, mapped_write = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _child(parent, ready_write, mapped_read, start)
    os.close(ready_write)
    os.close(mapped_read)
    refused = os.read(ready_read, 4096)
    if refused:
        os.waitpid(child, 0)
        raise SandboxError(f"no user namespace: {refused.decode(errors='replace')}", hint=_why_refused())
    try:
        _map("newuidmap", child, os.getuid(), uids)
        _map("newgidmap", child, os.getgid(), gids)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    os.write(mapped_write, b"1")
    os.close(mapped_write)
    _pass_on(child)


def _child(parent: int, ready: int, mapped: int, start: _Start) -> NoReturn:
    try:
        _die_with(parent)
        try:
            linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        except OSError as error:
            os.write(ready, str(error.strerror).encode())
            os._exit(125)
        os.close(ready)
        if os.read(mapped, 1) != b"1":
            os._exit(125)
        _execute(start)
    finally:
        os._exit(125)


def _die_with(parent: int) -> None:
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(137)


def _execute(start: _Start) -> NoReturn:
    """As root of the namespace that this process is in now."""
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # Becoming another user forgot the death signal.
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.umask(start.umask)
    env = {**os.environ, INSIDE: "1"}
    # -P: the folder that wherry was called in has no say in what is imported.
    os.execve(sys.executable, [sys.executable, "-P", "-m", "wherry", *start.words], env)  # noqa: S606


def _map(tool: str, child: int, own: int, ranges: list[tuple[int, int]]) -> None:
    import subprocess

    words = ["0", str(own), "1"]
    inside_first = 1
    for first, count in ranges:
        words += [str(inside_first), str(first), str(count)]
        inside_first += count
    try:
        done = subprocess.run([tool, str(child), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SandboxError(f"{tool} is not on PATH", hint="apt-get install uidmap") from None
    if done.returncode:
        raise SandboxError(
            f"{tool} refused: {done.stderr.strip()}", hint="check /etc/subuid and /etc/subgid"
        )


def _pass_on(child: int) -> NoReturn:
    """Wait for the child; pass signals on; end as it ended.  Ctrl-C reaches it by the terminal itself."""
    handle((signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT), lambda number, _frame: os.kill(child, number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(128 - code if code < 0 else code)


def _why_refused() -> str:
    for path, off, fix in (
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ):
        try:
            with open(path, encoding="ascii") as file:
                if file.read().strip() == off:
                    return f"as root: {fix}"
        except OSError:
            continue
    return "this machine or container forbids user namespaces to plain users: run wherry as root"
