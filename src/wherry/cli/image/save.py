"""``wherry save``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "save",
    "[OPTIONS] IMAGE [IMAGE...]",
    (Flag("output", "string", "Write to a file, instead of STDOUT", short="o", metavar="FILE"),),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.archives import save
    from wherry.cli.core.files import written
    from wherry.store import Store

    with written(options.string("output"), "save") as out:
        save(Store.open(options.runtime), options.args, out)
    return 0
