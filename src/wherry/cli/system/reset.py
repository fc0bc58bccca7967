"""``wherry system reset``."""

from __future__ import annotations

import sys

from wherry.cli.core.confirm import sure
from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "system reset",
    "[OPTIONS]",
    (Flag("force", "bool", "Do not prompt for confirmation", short="f"),),
    description="Refuses while a container runs, or while another command uses the store.",
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.store import Store
    from wherry.store.reset import holds_store, reset

    store = Store(options.runtime)
    if not holds_store(store.root):
        print(f"there is no store in {store.root}", file=sys.stderr)
        return 0
    if not options.flag("force") and not sure(_question(store.root)):
        return 1
    left = reset(store)
    print(f"Removed the store in {store.root}")
    if left:
        print(f"left there, since wherry did not put it there: {', '.join(left)}", file=sys.stderr)
    return 0


def _question(root: str) -> str:
    rows = ("all images and build cache", "all containers", "all volumes, with the data in them")
    shown = "".join(f"  - {row}\n" for row in rows)
    return f"WARNING! This will remove all of {root}:\n{shown}\nAre you sure you want to continue? [y/N] "
