"""``wherry import``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import NotFoundError

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
    from wherry.builder.changes import apply_changes
    from wherry.images.import_ import import_tar
    from wherry.oci.reference import parse
    from wherry.store import Store

    source = options.args[0]
    name = parse(options.args[1]).canonical() if len(options.args) > 1 else None
    config = apply_changes({}, options.strings("change"))
    store = Store.open(options.runtime)
    message = options.string("message") or f"Imported from {source}"
    try:
        stdin = source == "-"
        with store.using(), open(0 if stdin else source, "rb", closefd=not stdin) as file:
            record = import_tar(store, file, config, message)
            if name is not None:
                store.name(name, record)
    except FileNotFoundError as error:
        if error.filename != source:
            raise
        raise NotFoundError(f"open {source}: no such file or directory") from None
    print(record.id)
    return 0
