"""``wherry export``."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError

COMMAND = Command(
    "export",
    "[OPTIONS] CONTAINER",
    (Flag("output", "string", "Write to a file, instead of STDOUT", short="o", metavar="FILE"),),
    min_args=1,
    max_args=1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.containers.copy import export
    from wherry.containers.state import lookup
    from wherry.store import Store

    output = options.string("output")
    if output is None and sys.stdout.isatty():
        raise UsageError("cowardly refusing to save to a terminal", hint="use -o FILE, or redirect")
    store = Store.open(options.runtime)
    record = lookup(store, options.args[0])
    if output is None:
        export(store, record, sys.stdout.buffer)
        return 0
    from wherry.layers.newfile import new_file

    with new_file(output) as file:
        export(store, record, file)
    return 0
