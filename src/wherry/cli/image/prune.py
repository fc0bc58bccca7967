"""``wherry image prune``."""

from __future__ import annotations

from wherry.cli.core.confirm import sure
from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.images.view import Image

COMMAND = Command(
    "image prune",
    "[OPTIONS]",
    (
        Flag("all", "bool", "Remove all unused images, not just dangling ones", short="a"),
        Flag("filter", "list", 'Provide filter values (e.g. "until=<timestamp>")'),
        Flag("force", "bool", "Do not prompt for confirmation", short="f"),
    ),
    needs=LAYERS,
)
QUESTION = "WARNING! This will remove all {}.\nAre you sure you want to continue? [y/N] "
ALL = "images without at least one container associated to them"


def run(options: Options) -> int:
    from wherry.app.prune import prune_images
    from wherry.cli.core.filters import narrowed
    from wherry.cli.core.units import human_size, parse_time
    from wherry.store import Store

    everything, conditions = options.flag("all"), narrowed(options.strings("filter"))
    if not options.flag("force") and not sure(QUESTION.format(ALL if everything else "dangling images")):
        return 1

    def keep(image: Image) -> bool:
        if image.damage() is not None:
            return bool(conditions.labels)  # nobody knows them
        config = image.config
        return conditions.leaves(parse_time(config.created), config.config.get("Labels") or {})

    store = Store.open(options.runtime)
    with store.freeing():
        gone = prune_images(store, everything=everything, keep=keep)
    if gone.names:
        print("Deleted Images:", *(line[0].lower() + line[1:] for line in gone.names), "", sep="\n")
    print(f"Total reclaimed space: {human_size(gone.size)}")
    return 0
