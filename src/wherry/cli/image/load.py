"""``wherry load``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import NotFoundError, UsageError

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

    from wherry.images.load import load_images
    from wherry.store import Store

    source = options.string("input")
    if source is None and sys.stdin.isatty():
        raise UsageError("requested load from stdin, but stdin is a terminal", hint="use -i FILE")
    store = Store.open(options.runtime)
    try:
        with (
            store.using(),
            open(source if source is not None else 0, "rb", closefd=source is not None) as file,
        ):
            loaded = load_images(store, file)
    except FileNotFoundError as error:
        if error.filename != source:
            raise
        raise NotFoundError(f"open {source}: no such file or directory") from None
    for image in loaded:
        for name in image.names:
            print(f"Loaded image: {name.familiar()}")
        if not image.names:
            print(f"Loaded image ID: {image.id}")
    return 0
