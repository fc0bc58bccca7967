"""``wherry system prune``."""

from __future__ import annotations

from wherry.cli.core.confirm import sure
from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.images.view import Image
    from wherry.store import Store

COMMAND = Command(
    "system prune",
    "[OPTIONS]",
    (
        Flag("all", "bool", "Remove all unused images not just dangling ones", short="a"),
        Flag("filter", "list", 'Provide filter values (e.g. "until=24h")'),
        Flag("force", "bool", "Do not prompt for confirmation", short="f"),
        Flag("volumes", "bool", "Prune anonymous volumes"),
    ),
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.cli.core.filters import until
    from wherry.store import Store

    before = until(options.strings("filter"))
    volumes = options.flag("volumes")
    if volumes and before is not None:
        raise UsageError(
            'the "until" filter is not supported with "--volumes"', hint="leave one of them out"
        )
    if not options.flag("force") and not sure(_question(everything=options.flag("all"), volumes=volumes)):
        return 1
    store = Store.open(options.runtime)
    with store.freeing():
        _prune(store, everything=options.flag("all"), volumes=volumes, before=before)
    return 0


def _prune(store: Store, *, everything: bool, volumes: bool, before: float | None) -> None:
    from wherry.app.prune import prune_cache, prune_containers, prune_images
    from wherry.app.volumes import prune_volumes
    from wherry.cli.builder.prune import waiting
    from wherry.cli.core.units import human_size, parse_time

    def is_young(image: Image) -> bool:
        return before is not None and image.damage() is None and parse_time(image.config.created) >= before

    gone = prune_containers(store, keep=lambda c: before is not None and c.created >= before)
    total = gone.size
    _show("Deleted Containers:", gone.names)
    if volumes:
        gone = prune_volumes(store, everything=False, keep=lambda _: False)
        total += gone.size
        _show("Deleted Volumes:", gone.names)
    gone = prune_images(store, everything=everything, keep=is_young)
    total += gone.size
    _show("Deleted Images:", [line[0].lower() + line[1:] for line in gone.names])
    items = prune_cache(store, everything=everything, before=before, waiting=waiting)
    total += sum(item.size for item in items)
    _show("Deleted build cache objects:", [item.id.removeprefix("sha256:")[:25] for item in items])
    print(f"Total reclaimed space: {human_size(total)}")


def _show(heading: str, names: Sequence[str]) -> None:
    if names:
        print(heading, *names, "", sep="\n")


def _question(*, everything: bool, volumes: bool) -> str:
    images = "all images without at least one container associated to them"
    rows = [
        "all stopped containers",
        *(["all anonymous volumes not used by at least one container"] if volumes else []),
        images if everything else "all dangling images",
        "all build cache" if everything else "unused build cache",
    ]
    shown = "".join(f"  - {row}\n" for row in rows)
    return f"WARNING! This will remove:\n{shown}\nAre you sure you want to continue? [y/N] "
