"""A network of a container's own, connected to the host's by pasta (from passt).

A keeper process stands in a PID namespace of its own, with pasta below it: however wherry ends, the kernel
ends the keeper, and with it pasta and its published ports.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess

from wherry import linux
from wherry.errors import SandboxError
from wherry.sandbox.files import FORWARDER
from wherry.sandbox.supervise import close_streams
from wherry.store.containerconfig import Port
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

READY = b"ready"
PRIVILEGED = "give the container that wherry runs in --privileged, or run wherry outside of it"
# In the keeper's own mount namespace: a place for the name of the network namespace.
PLACES = "/run"
PLACE = PLACES + "/network"
TUN = "/dev/net/tun"
# In a network of its own a container's users may take every port and send pings, as with docker.
OPENED = {"ip_unprivileged_port_start": "0", "ping_group_range": "0 2147483647"}
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
NEEDED = "+net_bind_service,+net_admin,+sys_admin"
AS_NOBODY = (
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    f"--inh-caps={NEEDED}",
    f"--ambient-caps={NEEDED}",
)


class Network:
    """A network namespace.  Leaving it (close) takes away what connects it."""

    def __init__(self, namespace: int, keeper: int | None = None) -> None:
        self._namespace = namespace
        self._keeper = keeper

    def join(self) -> None:
        """Move the calling process into it."""
        linux.setns(self._namespace, linux.CLONE_NEWNET)

    def close(self) -> None:
        os.close(self._namespace)
        if self._keeper is not None:
            os.kill(self._keeper, signal.SIGKILL)
            os.waitpid(self._keeper, 0)


def gateway() -> str:
    """The host's default gateway, an IPv4 address.  Raises SandboxError where there is none."""
    with open("/proc/net/route", encoding="ascii") as file:
        rows = [line.split() for line in file.read().splitlines()[1:]]
    for _, destination, via, *_ in rows:
        if destination == "00000000" and via != "00000000":
            return socket.inet_ntoa(bytes.fromhex(via)[::-1])
    raise SandboxError(
        "host-gateway has no address: this machine has no default gateway (IPv4)",
        hint="give an address to --add-host, or use --network host",
    )


def connect(ports: Sequence[Port], path: str, *, reach_host: bool = False) -> Network:
    """Make a private network that reaches what the host reaches, with `ports` published on the host.
    pasta is looked for on `path`.  With `reach_host` the default gateway's address is the host's loopback.

    Raises SandboxError: no pasta, a port that is in use, a host without a default route.
    """
    pasta = shutil.which("pasta", path=path)
    if pasta is None:
        raise SandboxError(
            "a private network needs pasta, which is not on PATH",
            hint="apt-get install passt, or use --network host without -p",
        )
    for port in ports:
        _check_free(port)
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    keeper = os.fork()
    if keeper == 0:
        here.close()
        _keep(parent, there, [pasta, *_options(ports, reach_host)], path)
    there.close()
    with here:
        message, descriptors, _, _ = socket.recv_fds(here, 1 << 16, 1)
    if message == READY:
        return Network(descriptors[0], keeper)
    os.kill(keeper, signal.SIGKILL)
    os.waitpid(keeper, 0)
    reason, _, hint = message.decode("utf-8", "replace").partition("\0")
    reason = reason.strip() or "pasta ended without a word"
    raise SandboxError(
        f"the private network could not be made: {reason.splitlines()[-1]}",
        hint=f"{hint}{'; or ' if hint else ''}--network host uses the host's instead",
    )


def enter_empty() -> None:
    """Move the calling process into a new network namespace that has a loopback and nothing else."""
    import fcntl
    import struct

    linux.unshare(linux.CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        # netdevice(7): SIOCSIFFLAGS with a struct ifreq.
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))


def free_port(address: str, protocol: str) -> int:
    """A port that is free now, chosen by the kernel, for ``-p 80``."""
    with _bound(Port(address, 0, 0, protocol)) as probe:
        return int(probe.getsockname()[1])


def _check_free(port: Port) -> None:
    """pasta says nothing of a port that it cannot have."""
    try:
        _bound(port).close()
    except OSError as error:
        shown = f"{port.address or '0.0.0.0'}:{port.host}"  # noqa: S104
        hint = "choose another host port"
        if isinstance(error, PermissionError):
            hint = "ports below 1024 are root's; " + hint
        raise SandboxError(f"port {shown} cannot be published: {error.strerror}", hint=hint) from None


def _bound(port: Port) -> socket.socket:
    kind = socket.SOCK_STREAM if port.protocol == "tcp" else socket.SOCK_DGRAM
    probe = socket.socket(socket.AF_INET6 if ":" in port.address else socket.AF_INET, kind)
    try:
        # As pasta does: connections that have ended a minute ago do not keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, port.protocol == "tcp")
        probe.bind((port.address, port.host))
        if port.protocol == "tcp":
            probe.listen(1)
    except OSError:
        probe.close()
        raise
    return probe


def _options(ports: Sequence[Port], reach_host: bool) -> list[str]:
    options = ["--config-net", "--quiet", "--tcp-ns", "none", "--udp-ns", "none"]
    options += [*([] if reach_host else ["--no-map-gw"]), "--dns-forward", FORWARDER]
    for flag, protocol in (("--tcp-ports", "tcp"), ("--udp-ports", "udp")):
        specs = [_published(port) for port in ports if port.protocol == protocol] or ["none"]
        for spec in specs:
            options += [flag, spec]
    return options


def _published(port: Port) -> str:
    where = f"{port.address}/" if port.address else ""
    return f"{where}{port.host}:{port.container}"


def _keep(parent: int, answer: socket.socket, command: list[str], path: str) -> None:
    """The keeper: PID 1 of a namespace in which pasta runs.  Does not return."""
    try:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(137)
        # It outlives the command that asked, and may hold none of its pipes and locks.
        os.closerange(3, answer.fileno())
        os.closerange(answer.fileno() + 1, 1 << 16)
        _own_namespaces()
        first = os.fork()
        if first:
            answer.close()
            os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0xFF)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.setsid()
        _own_mounts()
        _open_tun()
        namespace = _new_namespace()
        _start(command, answer, namespace, path)
        os.close(namespace)
        close_streams()
        while True:
            os.wait()
    except ChildProcessError:
        signal.pause()
    except BaseException as error:
        hint = (error.hint or "") if isinstance(error, SandboxError) else ""
        try:
            answer.send(f"{error}\0{hint}".encode("utf-8", "replace"))
        except OSError:
            pass
    finally:
        os._exit(1)


def _own_namespaces() -> None:
    try:
        linux.unshare(linux.CLONE_NEWPID | linux.CLONE_NEWNS)
    except PermissionError:
        raise SandboxError(
            "namespaces may not be made here, as in a container without CAP_SYS_ADMIN", hint=PRIVILEGED
        ) from None


def _own_mounts() -> None:
    try:
        linux.mount("none", "/", None, linux.MS_REC | linux.MS_SLAVE)
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        linux.mount("tmpfs", PLACES, "tmpfs", linux.MS_NOSUID)
    except PermissionError:
        raise SandboxError(
            "nothing may be mounted here, as in a container without rights", hint=PRIVILEGED
        ) from None


def _start(command: list[str], answer: socket.socket, namespace: int, path: str) -> None:
    """Start pasta, which goes into the background when it is ready, and hand the namespace over.

    As root it would turn itself into a user that may not enter a namespace of root's; so it is started as
    that user, with the three capabilities that it needs.
    """
    with open(PLACE, "wb"):
        linux.mount(f"/proc/self/fd/{namespace}", PLACE, None, linux.MS_BIND)
    done = subprocess.run(
        [*AS_NOBODY, *command, "--netns-only", "--netns", PLACE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={"PATH": path},
    )
    if done.returncode:
        raise SandboxError((done.stderr or done.stdout).decode("utf-8", "replace"))
    socket.send_fds(answer, [READY], [namespace])


def _open_tun() -> None:
    """A /dev/net/tun that pasta may open, where the host's is root's alone (udev makes it 0666)."""
    try:
        status = os.stat(TUN)
    except FileNotFoundError:
        raise SandboxError(
            f"there is no {TUN}", hint=f"as root: modprobe tun; for a container: --device {TUN}"
        ) from None
    if status.st_mode & 0o006 != 0o006:
        own = f"{PLACES}/tun"
        try:
            os.mknod(own, stat.S_IFCHR, status.st_rdev)
        except PermissionError:
            raise SandboxError(
                f"{TUN} is open to root alone, and pasta needs it", hint=f"as root: chmod 666 {TUN}"
            ) from None
        os.chmod(own, 0o666)  # noqa: S103
        linux.mount(own, TUN, None, linux.MS_BIND)


def _new_namespace() -> int:
    """A new network namespace, by the file that stands for it.

    A child makes it: who has left the host's network as a plain user may not come back to it.
    """
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            linux.unshare(linux.CLONE_NEWNET)
            _open_to_users()
            os.write(ready[1], READY)
            os.close(done[1])
            os.read(done[0], 1)
        finally:
            os._exit(0)
    os.close(ready[1])
    os.close(done[0])
    try:
        if not os.read(ready[0], len(READY)):
            raise SandboxError("network namespaces may not be made here", hint=PRIVILEGED)
        return os.open(f"/proc/{child}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready[0])
        os.close(done[1])
        os.waitpid(child, 0)


def _open_to_users() -> None:
    for name, value in OPENED.items():
        with (
            contextlib.suppress(OSError),
            open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file,
        ):
            file.write(value)
