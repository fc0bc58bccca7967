"""``wherry proxy run``: the whole proxy on one machine."""

from __future__ import annotations

import contextlib
import os
import shutil

from wherry.cli.core.flags import Command, Options
from wherry.cli.proxy.options import (
    NGINX_FLAGS,
    RENDER_FLAGS,
    ROUTE_FLAGS,
    SOURCE_FLAGS,
    find_nginx,
    main_options,
    render_options,
    route_options,
    runs_folder,
    serve_metrics,
    sources,
)
from wherry.cli.proxy.say import say
from wherry.cli.proxy.signals import told

COMMAND = Command(
    "proxy run",
    "[OPTIONS]",
    (*SOURCE_FLAGS, *ROUTE_FLAGS, *RENDER_FLAGS, *NGINX_FLAGS),
    description=(
        "Starts nginx as a child, without root, and routes to what Services say; every change is served\n"
        "within milliseconds.  ^C ends both and leaves nothing behind."
    ),
)


def run(options: Options) -> int:
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.reload.managed import Managed
    from wherry.proxy.reload.transaction import Reloader
    from wherry.proxy.standalone import Standalone, private_directory

    rendering = render_options(options, "127.0.0.1:8080")
    followed = sources(options)
    routing = route_options(options, "localhost", local="cluster" not in followed)
    nginx = find_nginx(options)
    state = private_directory(runs_folder(options.runtime.env))
    try:
        monitor = Monitor(tuple(followed))
        serve_metrics(options, monitor)
        managed = Managed(nginx, main_options(options, state))
        standalone = Standalone(managed, Reloader(managed), rendering, monitor, say)
        say(f"following {', '.join(followed)}; listening on {', '.join(rendering.listen)}")
        with told(standalone):
            return standalone.run(followed, routing, state)
    finally:
        shutil.rmtree(state, ignore_errors=True)
        with contextlib.suppress(OSError):  # another run's folder is there
            os.rmdir(os.path.dirname(state))
