"""``wherry import``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "import",
    "[OPTIONS] file|- [REPOSITORY[:TAG]]",
    (
        Flag("change", "list", "Apply Dockerfile instruction to the created image", short="c"),
        Flag("message", "string", "Set commit message for imported image", short="m"),
    ),
    min_args=1,
    max_args=2,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.archives import import_image
    from wherry.cli.core.files import read
    from wherry.store import Store

    source, *name = options.args
    message = options.string("message") or f"Imported from {source}"
    with read(None if source == "-" else source) as file:
        changes = options.strings("change")
        image = import_image(Store.open(options.runtime), file, *name, changes=changes, message=message)
    print(image)
    return 0
