"""``wherry proxy run``: the whole proxy on one machine."""

from __future__ import annotations

import shutil

from wherry.cli.core.flags import Command, Options
from wherry.cli.proxy.options import (
    NGINX_FLAGS,
    RENDER_FLAGS,
    ROUTE_FLAGS,
    SOURCE_FLAGS,
    main_options,
    render_options,
    route_options,
    say,
    serve_metrics,
    sources,
)

COMMAND = Command(
    "proxy run",
    "[OPTIONS]",
    (*SOURCE_FLAGS, *ROUTE_FLAGS, *RENDER_FLAGS, *NGINX_FLAGS),
    description=(
        "Starts nginx as a child, without root, and routes to what Services say; every change is served\n"
        "within milliseconds and without a dropped request.  ^C ends both and leaves nothing behind."
    ),
)


def run(options: Options) -> int:
    from wherry.proxy.laptop import Laptop, private_directory
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.reload.binary import Nginx
    from wherry.proxy.reload.own import Own
    from wherry.proxy.reload.transaction import Reloader

    rendering = render_options(options, "127.0.0.1:8080")
    followed = sources(options)
    routing = route_options(options, "localhost", local="cluster" not in followed)
    nginx = Nginx.find(options.string("nginx") or "nginx")
    state = private_directory()
    try:
        monitor = Monitor(tuple(followed))
        serve_metrics(options, monitor)
        own = Own(nginx, main_options(options, state))
        laptop = Laptop(own, Reloader(own), rendering, monitor, say)
        say(f"following {', '.join(followed)}; listening on {', '.join(rendering.listen)}")
        return laptop.run(followed, routing, state)
    finally:
        shutil.rmtree(state, ignore_errors=True)
