"""What will be asked of a container that runs: exec, attach, pause, limits, stats.

sandbox.process.Running has what there is today: wait, signal, kill, and the first process.  Controlled is
the shape of the rest, and a Controlling is an isolation that has it, by these names and promises.  For a
container that has ended meanwhile each of them raises ConflictError, and does nothing.
"""

from __future__ import annotations

from wherry.sandbox.process import Isolation, Running
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from wherry.sandbox.process import Process


class Terminal(Protocol):
    """The outer end of a pseudoterminal whose inner one a process has for its standard streams (pty(7)).

    `file` is read for output and written for input; it is read to its end before it is closed, or output is
    lost.  Whoever is attached may leave: the process keeps its terminal.
    """

    file: int

    def resize(self, rows: int, columns: int) -> None:
        """Tell the process the size, and that it has changed (SIGWINCH); both from 1 to 65535."""

    def close(self) -> None:
        """Hang up: the process gets SIGHUP, as from a modem.  Is idempotent."""


class Limits(NamedTuple):
    """How much of the machine a container may take; None leaves a limit as it is, 0 takes it away.

    `memory` and `memory_swap` (both together) in bytes, `cpus` in processors (1.5), `pids` in processes and
    threads, `cpu_shares` relative to others' 1024 (cgroup-v2.rst; docker update(1)).
    """

    memory: int | None = None
    memory_swap: int | None = None
    cpus: float | None = None
    cpu_shares: int | None = None
    pids: int | None = None


class Usage(NamedTuple):
    """What a container has taken: counters since it began, and what it holds now.

    Times in nanoseconds, sizes in bytes.  `memory` is without what the kernel can drop (inactive_file), as
    docker stats shows it; `memory_limit` is the machine's where there is none.
    """

    cpu: int
    memory: int
    memory_limit: int
    pids: int
    read: int
    written: int
    received: int
    sent: int


class Controlled(Running, Protocol):
    """A container that more can be asked of than that it ends."""

    def exec(self, process: Process, *, stdin: int, stdout: int, stderr: int) -> Running:
        """Start another process in its namespaces and root, by the same rules as its first one.

        It ends with the container, and the container does not end with it.  `mounts`, `hostname`, `network`
        and `readonly` of the process say nothing: they are the container's.  Raises CommandNotFound and
        CommandNotExecutable.
        """

    def exec_on_terminal(self, process: Process, rows: int, columns: int) -> tuple[Running, Terminal]:
        """As exec(), with a terminal of its own for all three streams, of that size from the beginning."""

    def terminal(self) -> Terminal | None:
        """That of its first process, for as many as attach, also after others have left; None without."""

    def pause(self) -> None:
        """Stop every process at once, and those that they were about to start; ConflictError if it is."""

    def resume(self) -> None:
        """Let go on what pause() stopped.  kill() ends a container that is paused, too."""

    def update(self, limits: Limits) -> None:
        """Change limits while it runs.  All of them, or none: UnsupportedError names one that is impossible
        here, and a `memory` that is below what it holds is refused rather than reached by killing."""

    def usage(self) -> Usage:
        """Read from the kernel's accounts of the container alone.  Costs no process."""


class Controlling(Isolation, Protocol):
    """An isolation that finds its containers again, from any process of the same user."""

    def control(self, folder: str, first: int) -> Controlled:
        """The running container whose root lies in `folder` and whose first process is `first` on the host.

        Its wait() is for its monitor alone: others see its end by the monitor's lock.  Raises ConflictError
        where that process is not, or not any more, the first one of such a container: a pid that another
        process has by now is never taken for it.
        """
