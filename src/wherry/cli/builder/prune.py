"""``wherry prune``: give back what the build cache takes."""

from __future__ import annotations

import sys
import time

from wherry.cli.core.confirm import sure
from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError
from wherry.sizes import size
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.store.prune import Item

COMMAND = Command(
    "prune",
    "[OPTIONS]",
    (
        Flag("all", "bool", "Also what only makes the next build quicker to begin", short="a"),
        Flag("filter", "list", 'Provide filter values (e.g. "until=24h")'),
        Flag("force", "bool", "Do not prompt for confirmation", short="f"),
        Flag("keep-storage", "string", "Amount of disk space to keep for cache", metavar="BYTES"),
    ),
    needs=LAYERS,
)
ALL = "This will remove all build cache. Are you sure you want to continue? [y/N] "
DANGLING = "This will remove all dangling build cache. Are you sure you want to continue? [y/N] "


def run(options: Options) -> int:
    from wherry.app.prune import prune_cache
    from wherry.cli.core.filters import until
    from wherry.cli.core.units import human_size
    from wherry.store import Store

    everything = options.flag("all")
    before = until(options.strings("filter"), ("until", "unused-for"))
    keep = _size(options.string("keep-storage") or "")
    if not options.flag("force") and not sure(ALL if everything else DANGLING):
        return 1
    store = Store.open(options.runtime)
    with store.freeing():
        gone = prune_cache(store, everything=everything, before=before, waiting=waiting, keep=keep)
    if gone:
        print(_table(gone))
    print(f"Total:\t{human_size(sum(item.size for item in gone))}")
    return 0


def waiting() -> None:
    print("waiting for running builds to end", file=sys.stderr)


def _table(gone: Sequence[Item]) -> str:
    from wherry.cli.core.table import columns
    from wherry.cli.core.units import ago, human_size

    now = time.time()
    rows = [
        (_shown(item), "true", human_size(item.size), ago(item.used, now) if item.used else "")
        for item in gone
    ]
    return columns([("ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"), *rows])


def _shown(item: Item) -> str:
    if item.kind == "layer":
        return item.id.removeprefix("sha256:")[:25]
    return f"{item.kind} {item.id[:40]}"


def _size(text: str) -> int:
    number = size(text or "0")
    if number is None:
        raise UsageError(f"invalid size {text!r} for --keep-storage", hint="bytes, or 512MB, 10GB")
    return number
