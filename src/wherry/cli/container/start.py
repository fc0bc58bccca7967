"""``wherry start``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "start",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    (
        Flag("attach", "bool", "Attach STDOUT/STDERR and forward signals", short="a"),
        Flag("interactive", "bool", "Attach container's STDIN", short="i"),
    ),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app import containers
    from wherry.cli.core.each import each
    from wherry.errors import UsageError
    from wherry.store import Store

    attach = options.flag("attach") or options.flag("interactive")
    if attach and len(options.args) > 1:
        raise UsageError("you cannot start and attach multiple containers at once")
    store = Store.open(options.runtime)
    if attach:
        from wherry.handlers import passed_on

        return containers.run(store, options.args[0], signals=passed_on)

    def start(name: str) -> None:
        containers.start(store, name)
        print(name)

    return each(options.args, start)
