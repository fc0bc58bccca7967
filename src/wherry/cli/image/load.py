"""``wherry load``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError

COMMAND = Command(
    "load",
    "[OPTIONS]",
    (
        Flag("input", "string", "Read from tar archive file, instead of STDIN", short="i", metavar="FILE"),
        Flag("quiet", "bool", "Suppress the load output", short="q"),
    ),
    needs=LAYERS,
)


def run(options: Options) -> int:
    import sys

    from wherry.app.archives import load
    from wherry.cli.core.files import read
    from wherry.store import Store

    source = options.string("input")
    if source is None and sys.stdin.isatty():
        raise UsageError("requested load from stdin, but stdin is a terminal", hint="use -i FILE")
    with read(source) as file:
        loaded = load(Store.open(options.runtime), file)
    for image in loaded:
        for name in image.names:
            print(f"Loaded image: {name.familiar()}")
        if not image.names:
            print(f"Loaded image ID: {image.id}")
    return 0
