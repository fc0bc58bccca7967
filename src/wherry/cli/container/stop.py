"""``wherry stop``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options

COMMAND = Command(
    "stop",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    (Flag("time", "int", "Seconds to wait before killing the container (default 10)", short="t"),),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    from wherry.app.containers import stop
    from wherry.cli.core.each import each
    from wherry.store import Store

    store = Store.open(options.runtime)

    def act(name: str) -> None:
        stop(store, name, options.integer("time"))
        print(name)

    return each(options.args, act)
