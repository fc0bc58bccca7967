"""``wherry proxy render``: the pod's init container."""

from __future__ import annotations

import gc
import os
import sys
import time

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.proxy.options import (
    RENDER_FLAGS,
    ROUTE_FLAGS,
    SOURCE_FLAGS,
    render_options,
    route_options,
    sources,
)
from wherry.cli.proxy.say import say
from wherry.counted import counted
from wherry.errors import ProxyError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.proxy.resources.snapshot import Snapshot
    from wherry.proxy.sources.source import Source

COMMAND = Command(
    "proxy render",
    "[OPTIONS]",
    (
        Flag("dir", "string", "Write default.conf in there (default: print it)", metavar="DIR"),
        Flag(
            "wait", "int", "Seconds to wait for a source that cannot be read", metavar="SECONDS", default=60
        ),
        *SOURCE_FLAGS,
        *ROUTE_FLAGS,
        *RENDER_FLAGS,
    ),
    description="Lists the Services, renders them, and exits: the init container of the nginx pod.",
)

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0
"""Seconds between two tries: a server that comes back is heard of soon."""


def run(options: Options) -> int:
    from wherry.proxy.nginx.render import render
    from wherry.proxy.publish import Publisher
    from wherry.proxy.resources.snapshot import joined
    from wherry.proxy.routes import Router

    gc.disable()  # many small values, of which none forms a circle
    rendering = render_options(options, ":8080")
    followed = sources(options, otherwise_cluster=True)
    routing = route_options(options, "cluster.local", local="cluster" not in followed)
    folder = options.string("dir")
    if folder is not None and not os.path.isdir(folder):
        raise ProxyError(f"{folder} is not a directory", hint="mount the volume there, or make it first")
    held = read_all(followed, float(options.integer("wait") or 0))
    table = Router(routing).build(joined(held))
    for rejected in table.rejected:
        say(f"not served: {rejected.name}: {rejected.message} ({rejected.reason})")
    if folder is None:
        sys.stdout.write(render(table.routes, rendering))
    else:
        outcome = Publisher(folder, rendering).publish(table)
        say(f"{folder}/default.conf {outcome.kind}: {counted(len(table.routes), 'route')}")
    # A file that cannot be read costs the others nothing; where nothing is left, that is a failure.
    return int(not table.routes and any(r.reason == "bad-manifest" for r in table.rejected))


def read_all(followed: Mapping[str, Source], patience: float) -> list[Snapshot]:
    """List every source; one that cannot be read is tried again, for `patience` seconds in all.

    Raises the last ProxyError when time is up.
    """
    end = time.monotonic() + patience
    held = []
    for name, source in followed.items():
        pause, said = FIRST_PAUSE, ""
        while True:
            try:
                held.append(source.list())
                break
            except ProxyError as error:
                left = end - time.monotonic()
                if left <= 0:
                    raise
                if error.message != said:
                    said = error.message
                    hint = f" ({error.hint})" if error.hint else ""
                    say(f"{name}: {said}{hint}; trying again for {left:.0f} s")
                time.sleep(min(pause, left))
                pause = min(pause * 2, LONGEST_PAUSE)
    return held
