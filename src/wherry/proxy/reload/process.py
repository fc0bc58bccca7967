"""nginx as our child: started in the foreground, told by signals, never left behind."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess

from wherry.errors import ProxyError
from wherry.linux import prctl
from wherry.proxy.reload.files import explained
from wherry.proxy.reload.stderr import stderr
from wherry.proxy.reload.stdout import Stdout
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PR_SET_PDEATHSIG = 1


class Process:
    """A running nginx master and its workers.

    The kernel ends it (SIGTERM) with the thread that started it: start it from the main thread.
    """

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        with explained(f"cannot start {command[0]}"):
            self._stdout, self._stderr = Stdout(), stderr()
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._stdout.fd,
                stderr=self._stderr.fd,
                process_group=0,  # ^C on a terminal is for us: nginx is asked to finish what it serves
                env=env,
                preexec_fn=_prepare,
            )
            self._stdout.started()
            self._stderr.started()

    @property
    def pid(self) -> int:
        return self._child.pid

    def alive(self) -> bool:
        return self._child.poll() is None

    def exit_code(self) -> int | None:
        return self._child.poll()

    def send(self, number: signal.Signals) -> None:
        """Signal the master; nothing happens when it has ended."""
        self._child.send_signal(number)

    def reload(self) -> None:
        """Have the master read its configuration again; call reloaded() when it has, or will not."""
        self._stdout.hold()
        self.send(signal.SIGHUP)

    def reloaded(self) -> None:
        self._stdout.release()

    def let_go(self) -> None:
        """Stop listening, and finish the requests that run; a master that was killed left its workers."""
        if self.alive():
            self.send(signal.SIGQUIT)
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGQUIT)

    def workers(self) -> list[int]:
        return children(self.pid)

    def last_words(self) -> None:
        """Wait for what it said before it ended with all its workers."""
        self._stdout.finished()
        self._stderr.finished()

    def quit(self, grace: float) -> int:
        """Let requests finish for at most `grace` seconds, then end it; returns the exit code."""
        self.reloaded()
        for number, patience in ((signal.SIGQUIT, grace), (signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
            self.send(number)
            try:
                code = self._child.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            # A master that was killed leaves its workers behind, and they the ports taken.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGTERM)
            self.last_words()
            return code
        raise ProxyError(f"nginx ({self.pid}) does not end")


def children(pid: int) -> list[int]:
    """The process ids of a process's children (proc(5): children of its main thread)."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def tell(pid: int, number: signal.Signals) -> bool:
    """Signal a process that may have ended, or may not be ours to signal."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
        return True
    return False


def _prepare() -> None:
    """Run in the child: end with its parent, and open as many files as may be.

    A master needs two for each worker, of all generations that drain; ``worker_rlimit_nofile`` is for
    workers.
    """
    if os.getppid() != 1:  # with a container's first process ends all that is in it
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
