"""``wherry tag``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Options

COMMAND = Command(
    "tag",
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    min_args=2,
    max_args=2,
)


def run(options: Options) -> int:
    from wherry.images.view import named
    from wherry.oci.reference import parse
    from wherry.store import Store

    store = Store.open(options.runtime)
    target = parse(options.args[1])
    with store.database.transaction():
        store.names.set(target.canonical(), named(store, options.args[0]))
    return 0
