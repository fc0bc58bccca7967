"""``wherry proxy serve``: the pod's nginx container."""

from __future__ import annotations

import os

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.proxy.options import NGINX_FLAGS, find_nginx, main_options, serve_metrics
from wherry.cli.proxy.say import say
from wherry.cli.proxy.signals import lifecycle
from wherry.errors import ProxyError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.reload.binary import Nginx

COMMAND = Command(
    "proxy serve",
    "[OPTIONS]",
    (
        Flag("dir", "string", "Where default.conf is written", metavar="DIR", default="/etc/nginx/conf.d"),
        Flag("state", "string", "nginx's own files, last-good (default: DIR/.wherry)", metavar="DIR"),
        Flag(
            "grace", "int", "Seconds requests may take to finish at the end", metavar="SECONDS", default=25
        ),
        Flag("signal-only", "bool", "Reload an nginx that something else started"),
        Flag("pid-file", "string", "That nginx's pid file", metavar="FILE", default="/run/nginx.pid"),
        *NGINX_FLAGS,
    ),
    description=(
        "Watches the directory, validates what is written there, reloads, and proves that new workers\n"
        "serve it.  A configuration that nginx refuses changes nothing; the last good one survives."
    ),
)


def run(options: Options) -> int:
    folder = os.path.abspath(options.string("dir") or ".")
    if not os.path.isdir(folder):
        raise ProxyError(
            f"{folder} is not a directory", hint="mount the volume there, or name another with --dir"
        )
    state = os.path.abspath(options.string("state") or os.path.join(folder, ".wherry"))
    nginx = find_nginx(options)
    from wherry.proxy.monitor import Monitor  # and more, while nginx says what it is

    monitor = Monitor(("file",))
    monitor.folder = folder
    if options.flag("signal-only"):
        return _signal_only(options, nginx, folder, state, monitor)
    return _managed(options, nginx, folder, state, monitor)


def _managed(options: Options, nginx: Nginx, folder: str, state: str, monitor: Monitor) -> int:
    from wherry.proxy.reload.managed import Managed
    from wherry.proxy.reload.transaction import Reloader
    from wherry.proxy.server import Server

    managed = Managed(nginx, main_options(options, state))
    with lifecycle(lambda: managed.process) as life:
        grace = float(options.integer("grace") or 0)
        try:
            server = Server(folder, state, Reloader(managed), monitor, say, isolate=True)
            server.at_once()
            serve_metrics(options, monitor)  # what it loads comes after what clients wait for
            server.run(life)
        finally:
            if managed.process is not None:
                managed.process.quit(0.0 if life.at_once else grace)
    return 0


def _signal_only(options: Options, nginx: Nginx, folder: str, state: str, monitor: Monitor) -> int:
    from wherry.proxy.reload.external import External
    from wherry.proxy.reload.files import explained
    from wherry.proxy.reload.transaction import Reloader
    from wherry.proxy.server import Server

    with explained(f"cannot use {state}"):
        os.makedirs(state, exist_ok=True)
    serve_metrics(options, monitor)
    target = External(nginx, folder, options.string("pid-file") or "")
    with lifecycle(lambda: None) as life:
        Server(folder, state, Reloader(target), monitor, say, isolate=False).run(life)
    return 0
