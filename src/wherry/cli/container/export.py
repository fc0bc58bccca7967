"""``wherry export``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "export",
    "[OPTIONS] CONTAINER",
    (Flag("output", "string", "Write to a file, instead of STDOUT", short="o", metavar="FILE"),),
    min_args=1,
    max_args=1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.archives import export
    from wherry.cli.core.files import written
    from wherry.store import Store

    with written(options.string("output"), "save") as out:
        export(Store.open(options.runtime), options.args[0], out)
    return 0
