"""Where the two wings meet: running containers for the proxy's container source."""

from __future__ import annotations

import functools

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.proxy.sources.containers import Containers
    from wherry.runtime import Runtime


def containers(runtime: Runtime) -> Containers:
    """The containers of the store that the command line names."""
    from wherry.containers.view import container_json
    from wherry.proxy.sources.containers import Containers
    from wherry.store import Store

    # Opened in the thread that looks: SQLite's connections stay in theirs.
    store = functools.cache(functools.partial(Store.open, runtime))

    def running() -> list[dict[str, Any]]:
        return [container_json(store(), c) for c in store().containers.all() if c.status == "running"]

    return Containers(running)
