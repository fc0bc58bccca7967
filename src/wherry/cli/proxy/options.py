"""Flags that several ``wherry proxy`` commands share, and what they turn into."""

from __future__ import annotations

import os
import re

from wherry.cli.core.flags import Flag
from wherry.cli.proxy.cluster import CLUSTER_FLAGS
from wherry.cli.proxy.say import say
from wherry.errors import ProxyError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.cli.core.flags import Options
    from wherry.proxy.graph.options import Options as RouteOptions
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.nginx.main import MainOptions
    from wherry.proxy.nginx.render import RenderOptions
    from wherry.proxy.reload.binary import Nginx
    from wherry.proxy.sources.source import Source

SOURCE_FLAGS = (
    Flag("from-dir", "string", "Follow the Service manifests in a folder", metavar="DIR"),
    Flag("containers", "bool", "Follow local containers with VIRTUAL_HOST"),
    *CLUSTER_FLAGS,
)
ROUTE_FLAGS = (
    Flag("domain", "string", "What ends the default host <service>.<namespace>.<domain>", metavar="NAME"),
    Flag("endpoints", "bool", "Send requests to the ready pods instead of the ClusterIP"),
    Flag(
        "settle",
        "int",
        "Seconds in which a new ClusterIP's pods get its requests",
        metavar="SECONDS",
        default=10,
    ),
)
RENDER_FLAGS = (
    Flag("listen", "list", "Address nginx listens on (repeat for more)", metavar="ADDRESS:PORT"),
    Flag("access-log", "string", "JSON access log: a file, - for stdout, off", metavar="FILE", default="-"),
    Flag("resolver", "list", "DNS server for ExternalName (default: /etc/resolv.conf)", metavar="ADDRESS"),
    Flag("trusted-proxy", "list", "Network whose X-Forwarded-For and -Proto are believed", metavar="CIDR"),
    Flag(
        "upstreams",
        "int",
        "Upstream blocks (kept connections, retries) at most",
        metavar="N",
        default=100,
        aliases=("pools",),
    ),
)
METRICS_FLAG = Flag("metrics", "string", "Serve /metrics, /healthz, /readyz there", metavar="ADDRESS:PORT")
NGINX_FLAGS = (
    Flag("nginx", "string", "The nginx to use", metavar="PROGRAM", default="nginx"),
    Flag("workers", "string", "nginx worker processes, or auto", metavar="N", default="auto"),
    Flag("drain", "int", "Seconds that old workers may finish requests", metavar="SECONDS", default=240),
    METRICS_FLAG,
)


def sources(options: Options, *, otherwise_cluster: bool = False) -> dict[str, Source]:
    """The sources that the flags name.  Nothing is read yet, but access to a cluster is looked for.

    Raises UsageError where none is named, unless that means a cluster, and ProxyError for a folder that is
    not there: that is a mistake, and no fault that passes.
    """
    from wherry.cli.proxy.cluster import cluster, requested

    found: dict[str, Source] = {}
    folder = options.string("from-dir")
    if folder is not None:
        from wherry.proxy.sources.directory import Directory

        path = os.path.abspath(folder)
        if not os.path.isdir(path):
            raise ProxyError(
                f"{path} is not a folder", hint="--from-dir names a folder of Service manifests"
            )
        found["folder"] = Directory(path)
    if options.flag("containers"):
        from wherry.cli.proxy.containers import containers

        found["containers"] = containers(options.runtime)
    if requested(options) or (otherwise_cluster and not found):
        found["cluster"] = cluster(options)
    if not found:
        raise UsageError("nothing to follow", hint="--from-dir DIR, --containers, or --cluster")
    return found


def route_options(options: Options, domain: str, *, local: bool) -> RouteOptions:
    from wherry.proxy.graph.options import Options as RouteOptions

    checked = checked_domain(options.string("domain") or domain)
    return RouteOptions(
        checked,
        options.flag("endpoints"),
        bool(resolvers(options)),
        local=local,
        slices=not local,
        settle=0.0 if local else float(max(0, options.integer("settle") or 0)),
    )


def checked_domain(text: str) -> str:
    from wherry.proxy import names

    try:
        return names.dns_name(text)
    except names.Refused as refused:
        raise UsageError(f"--domain: {refused}") from None


def render_options(options: Options, listen: str) -> RenderOptions:
    from wherry.proxy.nginx.render import RenderOptions

    log = options.string("access-log") or "-"
    return RenderOptions(
        listen=tuple(
            f"{host}:{port}"
            for text in options.strings("listen") or [listen]
            for host, port in addresses(text)
        ),
        upstreams=max(0, options.integer("upstreams") or 0),
        idle=idle(_connections()[0]),
        access_log=_log_path(log),
        resolver=resolvers(options),
        trusted=tuple(map(network, options.strings("trusted-proxy"))),
    )


def addresses(text: str) -> list[tuple[str, int]]:
    """As address(); ``:8080`` is every address of both families, as far as this machine has them."""
    host, port = address(text)
    if host:
        return [(host, port)]
    import socket

    every = [("0.0.0.0", port)]  # noqa: S104  that is what it means
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return every
    return [*every, ("[::]", port)]


def address(text: str) -> tuple[str, int]:
    """``127.0.0.1:8080``, ``[::1]:8080``, ``:8080``; IPv6 comes back in brackets, "" is every address."""
    import ipaddress

    host, _, port = text.rpartition(":")
    try:
        ip = ipaddress.ip_address(host.strip("[]")) if host else None
        if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            raise ValueError(port)
    except ValueError:
        raise UsageError(f'"{text}" is not ADDRESS:PORT', hint="say 127.0.0.1:8080") from None
    if ip is None:
        return "", int(port)
    return (f"[{ip}]" if ip.version == 6 else str(ip)), int(port)


def resolvers(options: Options) -> tuple[str, ...]:
    """The DNS servers in nginx's form."""
    import ipaddress

    given = options.strings("resolver") or _nameservers()
    try:
        found = [ipaddress.ip_address(g.strip("[]")) for g in given]
    except ValueError as error:
        raise UsageError(f"--resolver: {error}") from None
    return tuple(f"[{ip}]" if ip.version == 6 else str(ip) for ip in found)


def _nameservers() -> list[str]:
    """resolv.conf(5), without addresses that have a zone: nginx cannot use them."""
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
            found = re.findall(r"^nameserver\s+([0-9A-Fa-f:.]+)\s*$", file.read(), re.MULTILINE)
    except OSError:
        return []
    return [text for text in found if _is_ip(text)]


def _is_ip(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def network(text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise UsageError(f"--trusted-proxy: {error}", hint="say 10.0.0.0/8") from None


def _log_path(text: str) -> str:
    from wherry.proxy.nginx.quote import Unquotable, quote

    if text in ("-", "off"):
        return "/dev/stdout" if text == "-" else ""
    path = os.path.abspath(text)
    try:
        quote(path)
    except Unquotable as error:
        raise UsageError(f"--access-log: {error}") from None
    return path


def runs_folder(env: Mapping[str, str]) -> str:
    """Where the runs of this user have their directories."""
    if env.get("XDG_RUNTIME_DIR"):
        return os.path.join(env["XDG_RUNTIME_DIR"], "wherry")
    # private_directory() checks whose it is.
    return "/run/wherry" if os.geteuid() == 0 else f"/tmp/wherry-{os.geteuid()}"  # noqa: S108


def find_nginx(options: Options) -> Nginx:
    """The nginx that --nginx names.  Raises ProxyError."""
    from wherry.proxy.reload.binary import Nginx

    name = options.string("nginx") or "nginx"
    return Nginx.find(os.path.abspath(name) if "/" in name else name, options.runtime.env)


CONNECTIONS, FEW = 16_384, 4096
"""Connections of one worker, to clients and to pods; below FEW it is said that they are few."""


def idle(connections: int) -> int:
    """How many of a worker's connections may be kept to pods while no request uses them."""
    return connections * 3 // 4


def _connections() -> tuple[int, int]:
    """How many a worker may have, and the descriptors for them.

    A generator has the same limit as the nginx that it writes for: both are containers of one pod.
    """
    from wherry.proxy.reload.limits import SPARE, descriptors

    allowed = descriptors(2 * CONNECTIONS)
    return min(CONNECTIONS, max(SPARE, allowed - SPARE)), allowed


def main_options(options: Options, state: str) -> MainOptions:
    """How nginx itself runs in `state`, within what this process may use; says where that is little."""
    from wherry.proxy.nginx.main import MainOptions
    from wherry.proxy.reload.limits import cpus

    connections, allowed = _connections()
    if connections < FEW:
        say(
            f"only {allowed} files may be open (ulimit -Hn): a worker serves about "
            f"{connections // 2} clients at a time"
        )
    workers = checked_workers(options)
    return MainOptions(
        state,
        workers=str(cpus()) if workers == "auto" else workers,
        connections=connections,
        drain=max(1, options.integer("drain") or 0),
        descriptors=allowed,
    )


def checked_workers(options: Options) -> str:
    text = options.string("workers") or "auto"
    if text != "auto" and not (re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= 1024):
        raise UsageError(f'invalid argument "{text}" for --workers: a number or auto')
    return text


def serve_metrics(options: Options, monitor: Monitor) -> None:
    """Start the HTTP server of --metrics, if it was asked for."""
    text = options.string("metrics")
    if text:
        from wherry.proxy.health import HealthServer

        host, port = address(text)
        HealthServer(monitor, host.strip("[]"), port).start()
