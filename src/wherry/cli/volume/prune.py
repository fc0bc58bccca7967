"""``wherry volume prune``."""

from __future__ import annotations

from wherry.cli.core.confirm import sure
from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError
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
    from wherry.app.volumes import prune_volumes
    from wherry.cli.core.units import human_size
    from wherry.cli.volume.ls import labelled
    from wherry.store import Store

    everything = options.flag("all")
    filters = [_split(text) for text in options.strings("filter")]
    if not options.flag("force") and not sure(QUESTION.format("all" if everything else "anonymous")):
        return 1
    store = Store.open(options.runtime)

    def keep(volume: Volume) -> bool:
        return any(labelled(volume, value) != wanted for value, wanted in filters)

    with store.freeing():
        gone = prune_volumes(store, everything=everything, keep=keep)
    if gone.names:
        print("Deleted Volumes:", *gone.names, "", sep="\n")
    print(f"Total reclaimed space: {human_size(gone.size)}")
    return 0


def _split(text: str) -> tuple[str, bool]:
    """The label, and whether volumes that have it are meant, or those that have it not (``label!=``)."""
    name, equals, value = text.partition("=")
    if not equals or name not in ("label", "label!"):
        raise UsageError(f"invalid filter '{text}'", hint="label=KEY, label=KEY=VALUE or label!=…")
    return value, name == "label"
