"""``wherry proxy generate``: the pod's configuration generator."""

from __future__ import annotations

import os
import signal
import threading
import time

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.proxy.options import (
    METRICS_FLAG,
    RENDER_FLAGS,
    ROUTE_FLAGS,
    SOURCE_FLAGS,
    render_options,
    route_options,
    serve_metrics,
    sources,
)
from wherry.cli.proxy.say import say
from wherry.counted import counted
from wherry.errors import ProxyError
from wherry.handlers import handle
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.proxy.model import Table
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.publish import Publisher

COMMAND = Command(
    "proxy generate",
    "[OPTIONS]",
    (
        Flag("dir", "string", "Write default.conf in there", metavar="DIR", default="/etc/nginx/conf.d"),
        *SOURCE_FLAGS,
        *ROUTE_FLAGS,
        *RENDER_FLAGS,
        METRICS_FLAG,
    ),
    description=(
        "Lists and watches the Services, and rewrites the configuration whenever they say something else:\n"
        "the generator of the nginx pod.  Another process reloads nginx (proxy serve)."
    ),
)


def run(options: Options) -> int:
    if os.getpid() == 1:
        from wherry.cli.proxy.supervise import in_child

        in_child(say)
    from wherry.proxy.controller import Controller
    from wherry.proxy.heartbeat import Heartbeat
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.publish import Publisher

    rendering = render_options(options, ":8080")
    followed = sources(options, otherwise_cluster=True)
    routing = route_options(options, "cluster.local", local="cluster" not in followed)
    folder = os.path.abspath(options.string("dir") or ".")
    if not os.path.isdir(folder):
        raise ProxyError(
            f"{folder} is not a directory", hint="mount the volume there, or name another with --dir"
        )
    monitor = Monitor(tuple(followed))
    serve_metrics(options, monitor)
    publish = _publish(Publisher(folder, rendering), monitor)
    stop = threading.Event()
    controller = Controller(followed, routing, publish, monitor)

    def end(_number: int, _frame: object) -> None:
        stop.set()
        controller.wake()

    handle((signal.SIGINT, signal.SIGTERM), end)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it says "open your logs again", and there is none
    say(f"following {', '.join(followed)}; writing {folder}/default.conf")
    Heartbeat(folder, monitor).start()
    controller.run(stop)
    return 0


def _publish(publisher: Publisher, monitor: Monitor) -> Callable[[Table], None]:
    from wherry.proxy.reload import report
    from wherry.proxy.route_diff import RouteDiff

    diff = RouteDiff()

    def publish(table: Table) -> None:
        outcome = publisher.publish(table)
        monitor.applied(outcome)
        if outcome.kind == "written":
            say(f"{report.stamp(time.time())}, written: {counted(len(table.routes), 'route')}")
        for line in diff.lines(table):
            say(line)

    return publish
