"""What is to be run in a container, and what every way of isolating it promises."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Mount(NamedTuple):
    """Something laid over the root file system for as long as the process runs.

    `kind` is "bind" (`source` is a path on the host) or "tmpfs".  `target` is absolute inside the root;
    it is created where it is absent, symlinks resolved inside the root.  A `movable`
    one's `source` is the caller's own and on the root's file system: where nothing can be mounted, it is
    moved into the root meanwhile.
    """

    kind: str
    source: str
    target: str
    readonly: bool = False
    options: tuple[str, ...] = ()
    movable: bool = False


class User(NamedTuple):
    """Numeric identity inside the container."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


class Watch(NamedTuple):
    """`path` is the Unix socket of who watches: sandbox.traced, or else sandbox.notified."""

    path: str
    traced: bool = False


class Process(NamedTuple):
    """One process in a container: everything that decides how it runs, except where its root lies.

    `network` is "host", "none" or "private"; for "private", `join` enters the namespace that the caller
    made and connected.  `env` entries are "NAME=value".  `cwd` is created if absent.

    `hosts` is what /etc/hosts says before `extra_hosts`, "" for what fits the network.

    With `tty` the three streams are one terminal, of `rows` and `columns` (0 where nobody knows).

    `shm_size` is in bytes, 0 for Docker's 64 MiB; `ulimits` are (name, soft, hard) by the names of
    setrlimit(2) without RLIMIT_; a `privileged` one keeps all capabilities and sees all of /proc and /sys.

    `watch` says who is told of each file that is looked for by name; of a privileged process nobody is.
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: User = User()
    mounts: tuple[Mount, ...] = ()
    hostname: str = ""
    network: str = "host"
    join: Callable[[], None] | None = None
    extra_hosts: tuple[tuple[str, str], ...] = ()
    hosts: str = ""
    tty: bool = False
    rows: int = 0
    columns: int = 0
    readonly: bool = False
    shm_size: int = 0
    ulimits: tuple[tuple[str, int, int], ...] = ()
    privileged: bool = False
    watch: Watch | None = None


class Running(Protocol):
    """A started process.  `pid` is that of its supervisor on the host."""

    pid: int

    def wait(self) -> int:
        """Block until it ends.  Its exit code, or 128 + N where signal N ended it.

        Raises CommandNotFound or CommandNotExecutable when the program could not be started at all.
        """

    def inner(self) -> int | None:
        """The pid on the host of the first process inside, or None while there is none."""

    def signal(self, number: int) -> None:
        """Send a signal to the container's first process.  Does nothing once it has ended."""

    def resize(self, rows: int, columns: int) -> None:
        """The terminal that it was given has another size: tell it to the program.  Raises nothing."""

    def kill(self) -> None:
        """End everything in the container at once."""


class Isolation(Protocol):
    """A way to run a process with a directory as its root.

    Whatever kills this process, at any instant (SIGKILL included), the container's processes, mounts and
    network go away with it.
    """

    name: str  # "oci" or "chroot"

    def start(self, root: str, process: Process, *, stdin: int, stdout: int, stderr: int) -> Running:
        """Start `process` with `root` (a directory, already mounted if it is a mount) as "/".

        The three numbers are file descriptors that the process inherits.  /dev, /proc, /sys,
        /etc/resolv.conf, /etc/hosts and /etc/hostname are provided as far as the isolation can, and
        leave nothing behind in `root`.
        """
