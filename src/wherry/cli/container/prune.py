"""``wherry container prune``."""

from __future__ import annotations

from wherry.cli.core.confirm import sure
from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "container prune",
    "[OPTIONS]",
    (
        Flag("filter", "list", 'Provide filter values (e.g. "until=<timestamp>")'),
        Flag("force", "bool", "Do not prompt for confirmation", short="f"),
    ),
    needs=LAYERS,
)
QUESTION = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "


def run(options: Options) -> int:
    from wherry.app.prune import prune_containers
    from wherry.cli.core.filters import narrowed
    from wherry.cli.core.units import human_size
    from wherry.store import Store

    conditions = narrowed(options.strings("filter"))
    if not options.flag("force") and not sure(QUESTION):
        return 1
    store = Store.open(options.runtime)
    with store.freeing():
        gone = prune_containers(
            store, keep=lambda c: conditions.leaves(c.created, dict(c.config.process.labels))
        )
    if gone.names:
        print("Deleted Containers:", *gone.names, "", sep="\n")
    print(f"Total reclaimed space: {human_size(gone.size)}")
    return 0
