"""/etc/hosts, /etc/hostname and /etc/resolv.conf as a container sees them."""

from __future__ import annotations

import os

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.sandbox.process import Process

# The resolver of a private network: it passes what is asked there on to the host's (see sandbox.network).
FORWARDER = "169.254.1.1"
LOCAL = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def container_files(folder: str, process: Process) -> dict[str, str]:
    """Write the three files below `folder`; their host paths by their places in the container."""
    written = {}
    for target, text in file_contents(process).items():
        path = os.path.join(folder, os.path.basename(target))
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.chmod(path, 0o644)
        written[target] = path
    return written


def file_contents(process: Process) -> dict[str, str]:
    """With the host's network its names hold; elsewhere only the container's own.

    A process that brings hosts of its own (a build's step) sees nothing of this machine's names, and an
    /etc/hostname is the image's.
    """
    if process.hosts:
        more = "".join(f"{address}\t{host}\n" for host, address in process.extra_hosts)
        return {"/etc/hosts": process.hosts + more, "/etc/resolv.conf": _resolvers(process.network)}
    hosts = _host_file("/etc/hosts") if process.network == "host" else LOCAL
    name = process.hostname or os.uname().nodename
    if process.network != "host":
        hosts += f"127.0.1.1\t{name}\n"
    for host, address in process.extra_hosts:
        hosts += f"{address}\t{host}\n"
    return {
        "/etc/hosts": hosts,
        "/etc/hostname": name + "\n",
        "/etc/resolv.conf": _resolvers(process.network),
    }


def _resolvers(network: str) -> str:
    if network == "none":
        return ""
    host = _host_file("/etc/resolv.conf")
    if network == "host":
        return host
    kept = [line for line in host.splitlines() if line.startswith(("search ", "options "))]
    return "\n".join([f"nameserver {FORWARDER}", *kept, ""])


def _host_file(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return LOCAL if path == "/etc/hosts" else ""
