"""A process that stands between wherry and what it started, so that nothing outlives wherry.

The supervisor is the parent of PID 1 of a PID namespace, where that is possible: the kernel ends every
process in the namespace before PID 1 can be waited for.  When wherry goes, however it goes, the supervisor
is sent ENDING, ends PID 1 and waits for that.  Until then it keeps wherry's locks, so that nobody takes
away the folders that a process in the container still writes to.
"""

from __future__ import annotations

import os
import signal

from wherry import linux
from wherry.errors import in_words
from wherry.sandbox.beginning import settle
from wherry.store.locks import held
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


# Not one of those that a terminal, a shell or an orchestrator sends to a whole process group.
ENDING = signal.SIGRTMIN
HIGHEST = 0xFFFFFFFF  # descriptor, close_range(2)


class Supervised:
    """A started process, seen through its supervisor's pid.  Implements sandbox.process.Running."""

    def __init__(self, supervisor: int, depth: int, kill: int = ENDING) -> None:
        self.pid = supervisor
        self._kill_signal = kill
        self._depth = depth
        self._ended: int | None = None

    def wait(self) -> int:
        if self._ended is None:
            _, status = os.waitpid(self.pid, 0)
            self._ended = exit_code(status)
        return self._ended

    def signal(self, number: int) -> None:
        target = self.inner()
        if target is not None:
            try:
                os.kill(target, number)
            except ProcessLookupError:
                pass

    def resize(self, rows: int, columns: int) -> None:
        """The program has that very terminal, or what stands between takes the size over (runc)."""

    def kill(self) -> None:
        """Let the supervisor end everything; wait() returns when that is done."""
        try:
            os.kill(self.pid, self._kill_signal)
        except ProcessLookupError:
            pass

    def inner(self) -> int | None:
        """The container's first process by its pid on the host, or None before it began or after it."""
        pid = self.pid
        for _ in range(self._depth):
            below = children(pid)
            if not below:
                return None
            pid = below[0]
        return pid


def children(pid: int) -> list[int]:
    """The children of a process, whichever of its threads made them (runc's are not its first one's)."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except OSError:
        return []
    return sorted(found)


def end_of(first: int) -> int:
    """The process with whose end a container ends at once, given its first one: that, or the runtime that
    is PID 1 of the namespace around it.

    A runtime that is still starting the container would complain of its end, in the container's output.
    """
    parent = status_numbers(first, "PPid:")
    inside, around = status_numbers(first, "NSpid:"), status_numbers(parent[0], "NSpid:") if parent else []
    return parent[0] if around[-1:] == [1] and len(around) == len(inside) - 1 else first


def status_numbers(pid: int, field: str) -> list[int]:
    """The numbers of a line of proc_pidstatus_numbers(5); none where the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            line = next((line for line in file if line.startswith(field)), "")
    except OSError:
        return []
    return [int(word) for word in line.split()[1:]]


def exit_code(status: int) -> int:
    """A wait status in the shell's (and Docker's) numbers."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def in_pid_namespace(
    argv: Sequence[str],
    env: dict[str, str],
    files: tuple[int, int, int],
    prepare: Callable[[], None],
    *,
    join: Callable[[], None] | None = None,
    tty: bool = False,
) -> int:
    """Start `argv` as PID 1 of a new PID and mount namespace; the supervisor's pid.

    `files` become its standard streams.  `join` runs in the supervisor before the namespaces are made
    (to enter a network namespace), `prepare` in the new mount namespace before the program.  Signals of
    the terminal reach wherry alone, which passes them on; with `tty` standard input is a terminal that the
    program gets for its own.
    """
    parent = os.getpid()
    supervisor = os.fork()
    if supervisor:
        return supervisor
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {ENDING, signal.SIGCHLD})
        _end_with(parent)
        _ignore_signals()
        if join is not None:
            join()
        linux.unshare(linux.CLONE_NEWPID | linux.CLONE_NEWNS)
        first = os.fork()
        if first == 0:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
            settle()
            os.setsid()
            linux.mount("none", "/", None, linux.MS_REC | linux.MS_SLAVE)
            linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
            prepare()  # may itself become the program
            take_streams(files)
            if tty:
                own_terminal()
            os.execvpe(argv[0], list(argv), env)  # noqa: S606
        close_streams(keep=held())
        os._exit(_stand_by(first))
    except BaseException as error:
        _say(f"error: the sandbox could not be made: {in_words(error)}\n", files[2])
    finally:
        os._exit(125)  # whatever happens: above us is the code of who started us


def _say(text: str, stream: int) -> None:
    """To standard error: `stream` until that was taken."""
    try:
        os.write(stream, text.encode(errors="replace"))
    except OSError:
        os.write(2, text.encode(errors="replace"))


def _stand_by(first: int) -> int:
    """Wait for the namespace's first process, and end it when that is asked for.  Its exit code."""
    while True:
        if signal.sigwait({ENDING, signal.SIGCHLD}) == ENDING:
            os.kill(first, signal.SIGKILL)
        done, status = os.waitpid(first, os.WNOHANG)
        if done:
            return exit_code(status)


def _end_with(parent: int) -> None:
    linux.prctl(linux.PR_SET_PDEATHSIG, ENDING)
    # It may have gone before the kernel was told.
    if os.getppid() != parent:
        os._exit(137)


def _ignore_signals() -> None:
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGQUIT,
        signal.SIGHUP,
        signal.SIGUSR1,
        signal.SIGUSR2,
    ):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def take_streams(files: tuple[int, int, int]) -> None:
    """Make `files` the standard streams and close everything else."""
    held = [os.dup(file) for file in files]
    for number, file in enumerate(held):
        os.dup2(file, number)
    _close_others()


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Tell a terminal its size; its programs get SIGWINCH (ioctl_tty(2))."""
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def own_terminal() -> None:
    """Make standard input the controlling terminal of this process's session (ioctl_tty(2))."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def close_streams(keep: Iterable[int] = ()) -> None:
    """Close every file: a supervisor must not keep a pipe open that its reader waits to see closed."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    _close_others(keep)


def _close_others(keep: Iterable[int] = ()) -> None:
    """Every descriptor but the standard streams and those of `keep`, however high its number."""
    first = 3
    for number in (*sorted(keep), HIGHEST + 1):
        if first < number:
            _close_range(first, number - 1)
        first = number + 1


def _close_range(first: int, last: int) -> None:
    try:
        linux.close_range(first, last)
    except OSError:  # a filter of system calls that is older than this one
        os.closerange(first, min(last, 1 << 16) + 1)
