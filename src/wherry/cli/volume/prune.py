"""``wherry volume prune``."""

from __future__ import annotations

from wherry.cli.core.confirm import sure
from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.app.volumes import Volume

COMMAND = Command(
    "volume prune",
    "[OPTIONS]",
    (
        Flag("all", "bool", "Remove all unused volumes, not just anonymous ones", short="a"),
        Flag("filter", "list", 'Provide filter values (e.g. "label=<label>")'),
        Flag("force", "bool", "Do not prompt for confirmation", short="f"),
    ),
    needs=LAYERS,
)
QUESTION = (
    "WARNING! This will remove {} local volumes not used by at least one container.\n"
    "Are you sure you want to continue? [y/N] "
)


def run(options: Options) -> int:
    from wherry.app.filters import Narrowed
    from wherry.app.volumes import prune_volumes
    from wherry.cli.core.filters import LABELS, LABELS_HINT, parse_filter
    from wherry.cli.core.units import human_size
    from wherry.store import Store

    everything = options.flag("all")
    filters = [parse_filter(text, LABELS, LABELS_HINT) for text in options.strings("filter")]
    narrowed = Narrowed(labels=tuple(filters))
    if not options.flag("force") and not sure(QUESTION.format("all" if everything else "anonymous")):
        return 1
    store = Store.open(options.runtime)

    def keep(volume: Volume) -> bool:
        return narrowed.leaves(volume.record.created, dict(volume.record.labels))

    with store.freeing():
        gone = prune_volumes(store, everything=everything, keep=keep)
    if gone.names:
        print("Deleted Volumes:", *gone.names, "", sep="\n")
    print(f"Total reclaimed space: {human_size(gone.size)}")
    return 0
