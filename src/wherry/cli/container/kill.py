"""``wherry kill``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options

COMMAND = Command(
    "kill",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    (Flag("signal", "string", "Signal to send to the container", short="s", default="KILL"),),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    from wherry.app.containers import kill
    from wherry.cli.core.each import each
    from wherry.oci.signals import parse_signal
    from wherry.store import Store

    store = Store.open(options.runtime)
    number = parse_signal(options.string("signal") or "KILL")

    def act(name: str) -> None:
        kill(store, name, number)
        print(name)

    return each(options.args, act)
